/** What single units of a model take on a rank: from one run of a stage that holds one of each kind. */
import type { DeviceContext } from '../actors/device-context.ts';
import { deviceContext } from '../actors/device-context.ts';
import { layerGroups, placeOf, stageSize } from '../actors/mesh.ts';
import { crossingBytes } from '../actors/pipeline-link.ts';
import { pointToPointTime } from '../collectives/point-to-point.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { chunksOf, unitsOf } from '../model/stages.ts';
import type { Chunk } from '../model/stages.ts';
import type { Unit } from '../model/unit.ts';
import { elementsOfAll } from '../model/unit.ts';
import type { Job, Layout, Recompute } from '../scenario/job.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import { layerKinds } from '../scenario/layer-kind.ts';
import type { Model } from '../scenario/model.ts';
import { rank } from '../units/identity.ts';
import type { Rank } from '../units/identity.ts';
import { instantZero, later } from '../units/quantity.ts';
import { layerFabric, liesAlike } from './fabric.ts';
import type { Movable } from './copies-beside.ts';
import { movableIn } from './copies-beside.ts';
import type { Machine } from './machine.ts';
import { machineOf } from './machine.ts';
import type { Profile, SectionCache } from './profile.ts';
import { circumstances, profilesFor } from './profile.ts';
import { stageAlone } from './stage-alone.ts';

/** What a unit of a model takes on a rank, whatever the pipeline, the data ranks and ZeRO are. */
export interface UnitFigures extends Movable {
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

export interface FrameCache extends SectionCache {
  /** By circumstances. */
  readonly frames: Map<string, FrameFigures>;
}

/** The figures at the stage where the units are quickest: tensor ranks may sit in a domain there and not elsewhere. */
export const frameOf = (job: Job, cache: FrameCache): FrameFigures => {
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
  const firsts = Array.from({ length: liesAlike(layout, scaleUpDomain) ? 1 : layout.pp }, (_, stage) =>
    rank(stage * size),
  );
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
const figuresAt = (job: Job, self: Rank, { fabric, cache }: { fabric: string; cache: FrameCache }): FrameFigures => {
  const context: DeviceContext = deviceContext(job, self);
  const machine = machineOf(job);
  const profiles = profilesFor(cache, job, fabric);
  const sample = sampleOf(context);
  stageAlone(sample, machine, profiles);
  const figuresOf = (unit: Unit, suffix: string): UnitFigures => {
    const profileOf = (pass: string): Profile => profiles.get(`${pass} ${unit.name}${suffix}`)!;
    const [forward, backward] = [profileOf('forward'), profileOf('backward')];
    const parameters = context.layer.parametersOf(unit);
    return {
      pass: forward.nanoseconds + backward.nanoseconds,
      forward: forward.nanoseconds,
      kept: forward.memory.net.reduce((sum, size) => sum + size, 0),
      atop: backward.memory.peak,
      ...movableIn(context, machine, forward),
      shared: elementsOfAll(parameters.shared) + elementsOfAll(parameters.table),
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
    firstLayer: 0,
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
