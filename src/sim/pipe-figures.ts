/** What a pipeline takes at least, added up from what its units take. */
import { offloadedLayers } from '../actors/offload-copies.ts';
import { bucketElements } from '../actors/model-chunk.ts';
import { placementOf, positionAt } from '../actors/schedules/placement.ts';
import { inFlightPeak, splitsBackward } from '../actors/schedules/schedule.ts';
import { chunksByPosition, unitsOf } from '../model/stages.ts';
import type { Chunk } from '../model/stages.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { UnitTimes } from './copies-beside.ts';
import { backwardBeside, forwardBeside } from './copies-beside.ts';
import type { Machine } from './machine.ts';
import type { Elements } from './traffic-bound.ts';
import { stage as stageOf } from '../units/identity.ts';
import type { FrameFigures, UnitFigures } from './frame-figures.ts';

/** Stages with as much of everything as others are left out: the largest of each kind stand for all. */
export interface PipeFigures {
  readonly machine: Machine;
  readonly stages: readonly StageFigures[];
  /** Weights that the first pass waits for; none where it may run without them. */
  readonly first: Elements;
}
export interface StageFigures {
  readonly stage: number;
  /** Nanoseconds from the first pass of the step to the last one here, and to the last one of stages in front. */
  readonly span: number;
  readonly ends: number;
  /** Gradients that are summed after the last pass; and all that are summed after it has begun, and how long it takes. */
  readonly last: Elements;
  readonly whole: Elements;
  readonly backward: number;
  readonly shared: number;
  readonly experts: number;
  /** Bytes of activations at the peak. */
  readonly active: number;
}

export interface ShapeCache {
  /** By the pipeline's shape. */
  readonly shapes: Map<string, PipeShape>;
}

/** What the stages of a pipeline hold, kinds of stages and chunks apart. */
export interface PipeShape {
  readonly chunks: readonly Chunk[];
  /** By kind of stage: which chunks it has, of those above. */
  readonly kinds: readonly (readonly number[])[];
  /** By stage. */
  readonly kindOf: readonly number[];
}

export const pipeShape = ({ model, layout }: Job, { shapes }: ShapeCache): PipeShape => {
  const { pp, vp, schedule, firstLayers, lastLayers } = layout;
  const key = `${pp} ${vp} ${schedule} ${firstLayers} ${lastLayers}`;
  let shape = shapes.get(key);
  if (shape === undefined) {
    const byPosition = chunksByPosition(model, layout);
    const chunks = new Distinct<Chunk>((chunk) =>
      unitsOf(chunk)
        .map(({ name }) => name)
        .join(),
    );
    const kinds = new Distinct<readonly number[]>(String);
    const kindOf = Array.from({ length: pp }, (_, stage) =>
      kinds.indexOf(
        Array.from({ length: vp }, (_, chunk) => chunks.indexOf(byPosition[positionAt(layout, { stage, chunk })]!)),
      ),
    );
    shapes.set(key, (shape = { chunks: chunks.items, kinds: kinds.items, kindOf }));
  }
  return shape;
};

/** Items that differ by their names. */
class Distinct<Item> {
  readonly items: Item[] = [];
  readonly #indices = new Map<string, number>();
  readonly #nameOf: (item: Item) => string;
  constructor(nameOf: (item: Item) => string) {
    this.#nameOf = nameOf;
  }
  indexOf(item: Item): number {
    const name = this.#nameOf(item);
    let index = this.#indices.get(name);
    if (index === undefined) {
      index = this.items.push(item) - 1;
      this.#indices.set(name, index);
    }
    return index;
  }
}

/** A stage's chunks together. */
interface StageKind {
  readonly pass: number;
  /** Of its first chunk. */
  readonly forward: number;
  readonly backward: number;
  readonly kept: number;
  readonly atop: number;
  readonly shared: number;
  readonly experts: number;
}

export const pipeFigures = (job: Job, { frame, shape }: { frame: FrameFigures; shape: PipeShape }): PipeFigures => {
  const { hop } = frame;
  const microbatches = microbatchesOf(job);
  const { pp, vp, schedule } = job.layout;
  const isMirrored = placementOf(schedule) === 'mirrored';
  const isSplit = splitsBackward(schedule);
  // The first pass and the last one of a stage are of its first chunk.
  const isOneWay = placementOf(schedule) === 'round';
  const through = isMirrored ? microbatches / 2 : microbatches;
  const chunks = shape.chunks.map((chunk) => chunkFigures(job, chunk, frame));
  const kinds = shape.kinds.map((own) => stageKind(own.map((chunk) => chunks[chunk]!)));
  const worst = kinds.map((): StageFigures | null => null);
  const lasts = shape.kinds.map((own) => (isOneWay ? firstBucket(job, shape.chunks[own[0]!]!, frame) : NO_ELEMENTS));
  const wholes = shape.kinds.map((own) => (isOneWay && !isSplit ? chunks[own[0]!]! : NO_ELEMENTS));
  let [way, back] = [0, 0];
  for (let stage = 0; stage < pp; stage++) {
    const index = shape.kindOf[stage]!;
    const kind = kinds[index]!;
    const span = way + kind.pass * through;
    const ends = isSplit || isMirrored ? 0 : span + back;
    if (!isMirrored) {
      way += kind.forward + hop;
      back += kind.backward + hop;
    }
    const inFlight = inFlightPeak({ name: schedule, stage: stageOf(stage), stages: pp, microbatches, chunks: vp });
    // With so many passes in flight each keeps at least what the chunk that keeps least does, and a backward is on. The
    // halves of a split backward take less than the whole does.
    const active = inFlight * kind.kept + (isSplit ? 0 : kind.atop);
    const { shared, experts } = kind;
    const known = worst[index] ?? {
      stage,
      span,
      ends,
      last: lasts[index]!,
      whole: wholes[index]!,
      backward: kind.backward,
      shared,
      experts,
      active,
    };
    worst[index] = {
      ...(active > known.active ? { ...known, stage, active } : known),
      span: Math.max(span, known.span),
      ends: Math.max(ends, known.ends),
    };
  }
  const stages = worst.filter((figures) => figures !== null);
  return { machine: frame.machine, first: lasts[shape.kindOf[0]!]!, stages };
};

const NO_ELEMENTS: Elements = { shared: 0, experts: 0 };

/** What a chunk's first bucket holds: its units from the front that those behind, filled from the end, leave over. */
const firstBucket = (job: Job, chunk: Chunk, { units }: FrameFigures): Elements => {
  const { cp, dp, zero } = job.layout;
  const enough = zero === 3 ? 1 : bucketElements(cp * dp);
  const all = unitsOf(chunk).map((unit) => units.get(unit.name) ?? units.get(`${unit.name} again`)!);
  let [shared, experts] = [0, 0];
  for (let index = all.length - 1; index >= 0; index--) {
    if (shared + experts >= enough) [shared, experts] = [0, 0];
    shared += all[index]!.shared;
    experts += all[index]!.experts;
  }
  return { shared, experts };
};

const stageKind = (own: readonly UnitFigures[]): StageKind => {
  const sum = (of: (figures: UnitFigures) => number): number => own.reduce((total, figures) => total + of(figures), 0);
  const first = own[0]!;
  return {
    pass: sum(({ pass }) => pass),
    forward: first.forward,
    backward: first.pass - first.forward,
    kept: Math.min(...own.map(({ kept }) => kept)),
    atop: Math.min(...own.map(({ atop }) => atop)),
    shared: sum(({ shared }) => shared),
    experts: sum(({ experts }) => experts),
  };
};

/**
 * The sums over a chunk's units. What came in is kept, what goes out is not; the last unit's backward comes first, when
 * all else is still kept.
 */
// oxlint-disable-next-line eslint/complexity -- one walk along the units counts everything
const chunkFigures = (job: Job, chunk: Chunk, { units, flow }: FrameFigures): UnitFigures => {
  const { recompute, offload } = job;
  const offloaded = offloadedLayers(offload.activations, chunk.layers.length);
  const times: UnitTimes[] = [];
  const again = recompute.kind === 'full' ? (recompute.layers === 'all' ? Infinity : recompute.layers) : 0;
  let layer = 0;
  let [pass, forward, kept, atop, shared, experts] = [0, 0, 0, 0, 0, 0];
  for (const unit of unitsOf(chunk)) {
    const isAgain = unit.kind === 'layer' && layer < again;
    const isOffloaded = unit.kind === 'layer' && layer < offloaded;
    if (unit.kind === 'layer') layer++;
    const figures = units.get(isAgain ? `${unit.name} again` : unit.name)!;
    pass += figures.pass;
    forward += figures.forward;
    kept += figures.kept - (isOffloaded ? figures.movable : 0);
    if (offloaded > 0)
      times.push({
        forward: figures.forward,
        backward: figures.pass - figures.forward,
        copy: isOffloaded ? figures.copy : 0,
      });
    atop = figures.atop;
    shared += figures.shared;
    experts += figures.experts;
  }
  kept += (chunk.hasEmbedding ? 0 : flow) - (chunk.hasHead ? 0 : flow);
  const figures = { pass, forward, kept, atop, movable: 0, copy: 0, shared, experts };
  if (offloaded === 0) return figures;
  const way = forwardBeside(times);
  return { ...figures, forward: way, pass: way + backwardBeside(times) };
};
