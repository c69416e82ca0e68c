/**
 * What a layout takes at least, from the profiles of one unit of each kind: microseconds a layout, so that most need no
 * closer look. Neither time nor memory is above the bound's.
 */
import type { DeviceContext } from '../actors/device-context.ts';
import { deviceContext } from '../actors/device-context.ts';
import { layerGroups, placeOf, stageSize } from '../actors/mesh.ts';
import { offloadedLayers } from '../actors/offload-copies.ts';
import { bucketElements } from '../actors/model-chunk.ts';
import { crossingBytes } from '../actors/pipeline-link.ts';
import { placementOf, positionAt } from '../actors/schedules/placement.ts';
import { inFlightPeak, splitsBackward } from '../actors/schedules/schedule.ts';
import { pointToPointTime } from '../collectives/point-to-point.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { FORMATS } from '../model/precision.ts';
import { chunksOf, splitLayers, unitsOf } from '../model/stages.ts';
import type { Chunk } from '../model/stages.ts';
import type { Unit } from '../model/unit.ts';
import { elementsOfAll } from '../model/unit.ts';
import type { Job, Layout, Recompute } from '../scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../scenario/job.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import { layerKinds } from '../scenario/layer-kind.ts';
import { endsOf, positionCount } from '../scenario/layer-split.ts';
import type { Model } from '../scenario/model.ts';
import { rank, stage as stageOf } from '../units/identity.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, instantZero, later, seconds } from '../units/quantity.ts';
import { layerFabric } from './fabric.ts';
import type { Movable, UnitTimes } from './copies-beside.ts';
import { backwardBeside, forwardBeside, movableIn } from './copies-beside.ts';
import type { Machine } from './machine.ts';
import { machineOf } from './machine.ts';
import type { Profile, ProfileCache } from './profile.ts';
import { circumstances, profilesFor } from './profile.ts';
import { stageAlone } from './stage-alone.ts';
import type { Elements } from './traffic-bound.ts';
import { trafficBound } from './traffic-bound.ts';

export interface Sketch {
  readonly step: Seconds;
  /** Memory of the stage that needs most. */
  readonly memory: Bytes;
  readonly stage: number;
}

/** What a unit of a model takes on a rank, whatever the pipeline, the data ranks and ZeRO are. */
interface UnitFigures extends Movable {
  /** Nanoseconds of both passes, and of the forward pass alone. */
  readonly pass: number;
  readonly forward: number;
  /** Bytes kept from forward to backward, and the most that backward takes on top of what it finds. */
  readonly kept: number;
  readonly atop: number;
  /** Parameters: those that all data ranks share, and the routed experts'. */
  readonly shared: number;
  readonly experts: number;
}

/** Units by name under the circumstances of a job. */
export interface FrameFigures {
  readonly units: ReadonlyMap<string, UnitFigures>;
  /** Nanoseconds of a message between stages, at least. */
  readonly hop: number;
  /** Bytes of what goes from one layer to the next. */
  readonly flow: number;
  readonly machine: Machine;
}

/** Stages with as much of everything as others are left out: the largest of each kind stand for all. */
export interface PipeFigures {
  readonly machine: Machine;
  readonly stages: readonly StageFigures[];
  /** Weights that the first pass waits for; none where it may run without them. */
  readonly first: Elements;
}
interface StageFigures {
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

export const sketch = (job: Job, cache: ProfileCache): Sketch => {
  const { layout, software, precision } = job;
  const { zero, replicas, dp, cp } = layout;
  const { machine, first, stages } = pipeOf(job, cache);
  const traffic = trafficBound(job, machine);
  const tailOf = (stage: StageFigures): number =>
    Math.max(traffic.reduce(stage.last), traffic.reduce(stage.whole) - stage.backward) + traffic.update(stage);
  const tail = tailOf(stages[0]!);
  let span = 0;
  const { weight, gradient, optimizerBytes, copyBytes } = FORMATS[precision];
  const shards = (dp * cp) / replicas;
  const expertShards = expertDataRanks(layout) / replicas;
  const onHost = job.offload.optimizer === 'dram';
  let [memory, worst] = [0, 0];
  for (const figures of stages) {
    const { stage, shared, experts, active } = figures;
    span = Math.max(span, figures.span + tailOf(figures), figures.ends + tail);
    const share = shared / shards + experts / expertShards;
    const all = shared + experts;
    const states =
      (zero === 3 ? share : all) * DTYPE_BYTES[weight] +
      (zero >= 2 ? share : all) * DTYPE_BYTES[gradient] +
      (onHost ? 0 : (zero >= 1 ? share : all) * optimizerBytes) +
      all * copyBytes;
    if (states + active > memory) [memory, worst] = [states + active, stage];
  }
  const { frameworkMemory, allocatorOverhead } = software;
  return {
    step: seconds((traffic.publish(first) + span) / 1e9),
    memory: bytes(Math.floor(memory * (1 + allocatorOverhead.value)) + frameworkMemory.value),
    stage: worst,
  };
};

/** The last pipeline that was asked about: those after it in a search often differ in nothing that it depends on. */
export interface LastPipe {
  readonly job: Job;
  readonly frame: FrameFigures;
  readonly pipe: PipeFigures;
}

const pipeOf = (job: Job, cache: ProfileCache): PipeFigures => {
  const { last } = cache;
  const isSame = last !== null && sharesFrame(last.job, job);
  if (isSame && sharesPipe(last.job, job)) return last.pipe;
  const frame = isSame ? last.frame : frameOf(job, cache);
  const pipe = pipeFigures(job, { frame, shape: pipeShape(job, cache) });
  cache.last = { job, frame, pipe };
  return pipe;
};

const sharesFrame = (one: Job, other: Job): boolean => {
  const [a, b] = [one.layout, other.layout];
  return (
    one.precision === other.precision &&
    one.recompute === other.recompute &&
    one.offload.activations === other.offload.activations &&
    a.microbatch === b.microbatch &&
    a.sequenceParallel === b.sequenceParallel &&
    a.tp === b.tp &&
    a.pp === b.pp &&
    a.dp === b.dp &&
    a.cp === b.cp &&
    a.contextKind === b.contextKind &&
    a.ep === b.ep &&
    a.etp === b.etp
  );
};
/** Of jobs that share a frame. */
const sharesPipe = (one: Job, other: Job): boolean => {
  const [a, b] = [one.layout, other.layout];
  return (
    (a.zero === 3) === (b.zero === 3) &&
    a.schedule === b.schedule &&
    a.vp === b.vp &&
    a.firstLayers === b.firstLayers &&
    a.lastLayers === b.lastLayers
  );
};

/** The figures at the stage where the units are quickest: tensor ranks may sit in a domain there and not elsewhere. */
const frameOf = (job: Job, cache: ProfileCache): FrameFigures => {
  const fabrics = fabricsOf(job);
  const again = job.recompute.kind === 'full' ? 'again' : '';
  const key = [...fabrics].map(([fabric]) => circumstances(job, fabric)).join('|') + again;
  let frame = cache.frames.get(key);
  if (frame === undefined) {
    frame = [...fabrics].map(([fabric, self]) => figuresAt(job, self, { fabric, cache })).reduce(quickest);
    cache.frames.set(key, frame);
  }
  return frame;
};

/** The first rank of every stage whose groups lie on the fabric in a way of their own; mostly all lie alike. */
const fabricsOf = ({ layout, cluster: { scaleUpDomain } }: Job): ReadonlyMap<string, Rank> => {
  const size = stageSize(layout);
  const isEven = size % scaleUpDomain === 0 || scaleUpDomain % size === 0;
  const firsts = Array.from({ length: isEven ? 1 : layout.pp }, (_, stage) => rank(stage * size));
  return new Map(
    firsts.map((self) => [layerFabric(layerGroups(layout, placeOf(layout, self)), scaleUpDomain), self] as const),
  );
};

/** Unit by unit the least of both. */
const quickest = (one: FrameFigures, other: FrameFigures): FrameFigures => ({
  ...one,
  hop: Math.min(one.hop, other.hop),
  units: new Map(
    [...one.units].map(([name, figures]) => {
      const { pass, forward } = other.units.get(name)!;
      return [name, { ...figures, pass: Math.min(figures.pass, pass), forward: Math.min(figures.forward, forward) }];
    }),
  ),
});

/** A stage that holds one unit of each kind is run alone to make the profiles. */
const figuresAt = (job: Job, self: Rank, { fabric, cache }: { fabric: string; cache: ProfileCache }): FrameFigures => {
  const context: DeviceContext = deviceContext(job, self);
  const machine = machineOf(job);
  const profiles = profilesFor(cache, job, fabric);
  const sample = sampleOf(context);
  stageAlone(sample, machine, profiles);
  const figuresOf = (unit: Unit, suffix: string): UnitFigures => {
    const [forward, backward] = [`forward ${unit.name}${suffix}`, `backward ${unit.name}${suffix}`].map(
      (name): Profile => profiles.get(name)!,
    ) as [Profile, Profile];
    const parameters = context.layer.parametersOf(unit);
    return {
      pass: forward.nanoseconds + backward.nanoseconds,
      forward: forward.nanoseconds,
      kept: forward.memory.net.reduce((sum, size) => sum + size, 0),
      atop: backward.memory.peak,
      ...movableIn(context, machine, forward),
      shared: elementsOfAll(parameters.shared),
      experts: elementsOfAll(parameters.experts),
    };
  };
  const suffixes = job.recompute.kind === 'full' ? ['', ' again'] : [''];
  const units = sample.chunks.flatMap((chunk) => unitsOf(chunk));
  const entries = units.flatMap((unit) =>
    (unit.kind === 'layer' ? suffixes : ['']).flatMap((suffix) =>
      profiles.has(`forward ${unit.name}${suffix}`) ? [[unit.name + suffix, figuresOf(unit, suffix)] as const] : [],
    ),
  );
  const link = stageSize(job.layout) >= machine.scaleUpDomain ? machine.links.nic : machine.links.scaleUp;
  const hop = later(instantZero, pointToPointTime(crossingBytes(context), link));
  const { rows, formats } = context.layer;
  const flow = rows * job.model.hidden * DTYPE_BYTES[formats.activation];
  return { units: new Map(entries), hop, flow, machine };
};

/** One chunk of the embedding, layers of each kind (twice as many, of which the first half runs again), and the head. */
const sampleOf = (context: DeviceContext): DeviceContext => {
  const { job } = context;
  const kinds = groupsOf(job.model).flat();
  const isAgain = job.recompute.kind === 'full';
  const recompute: Recompute = isAgain ? { kind: 'full', layers: kinds.length } : job.recompute;
  const [last] = chunksOf(job.model, [0, job.model.layers]).slice(-1);
  const chunk: Chunk = {
    position: 0,
    layers: isAgain ? [...kinds, ...kinds] : kinds,
    hasEmbedding: true,
    predictors: last!.predictors,
    hasHead: true,
  };
  // One microbatch in one chunk is enough for all profiles; no schedule splits it.
  const layout: Layout = { ...job.layout, schedule: '1f1b', vp: 1 };
  return {
    ...context,
    job: { ...job, layout, recompute },
    chunks: [chunk],
    microbatches: 1,
    ranges: [{ start: 0, end: 1 }],
  };
};

/** The different groups of layers that share keys: a layer does what it does among those of its own group only. */
const groupsOf = (model: Model): readonly (readonly LayerKind[])[] => {
  const kinds = layerKinds(model);
  const groups = new Map<string, readonly LayerKind[]>();
  for (let start = 0; start < kinds.length; start += model.kvShare) {
    const group = kinds.slice(start, start + model.kvShare);
    groups.set(group.map(({ name }) => name).join(', '), group);
  }
  return [...groups.values()];
};

/** What the stages of a pipeline hold, kinds of stages and chunks apart. */
export interface PipeShape {
  readonly chunks: readonly Chunk[];
  /** By kind of stage: which chunks it has, of those above. */
  readonly kinds: readonly (readonly number[])[];
  /** By stage. */
  readonly kindOf: readonly number[];
}

const pipeShape = ({ model, layout }: Job, { shapes }: ProfileCache): PipeShape => {
  const { pp, vp, schedule, firstLayers, lastLayers } = layout;
  const key = `${pp} ${vp} ${schedule} ${firstLayers} ${lastLayers}`;
  let shape = shapes.get(key);
  if (shape === undefined) {
    const byPosition = chunksOf(model, splitLayers(model.layers, positionCount(layout), endsOf(model, layout)));
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

const pipeFigures = (job: Job, { frame, shape }: { frame: FrameFigures; shape: PipeShape }): PipeFigures => {
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
