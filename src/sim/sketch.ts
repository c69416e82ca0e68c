/**
 * What a layout takes at least, from the profile of one layer alone: microseconds a layout, so that most need no closer
 * look. Neither time nor memory is above the bound's.
 */
import { deviceContext } from '../actors/device-context.ts';
import type { DeviceContext } from '../actors/device-context.ts';
import { inFlightPeak } from '../actors/schedules/schedule.ts';
import { groupShape } from '../collectives/group-shape.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { FORMATS } from '../model/precision.ts';
import { splitLayers } from '../model/stages.ts';
import { elementsOfAll, parametersOf } from '../model/unit.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { rank, stage as stageOf } from '../units/identity.ts';
import type { Rank, Stage } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, seconds, sum } from '../units/quantity.ts';
import { machineOf } from './machine.ts';
import type { Profile, ProfileCache } from './profile.ts';
import { profilesFor } from './profile.ts';
import { stageAlone } from './stage-alone.ts';

export interface Sketch {
  readonly step: Seconds;
  /** Memory of the stage that needs most. */
  readonly memory: Bytes;
  readonly stage: number;
}

interface LayerProfiles {
  readonly forward: Profile;
  readonly backward: Profile;
}

/** The profiles of a layer on the stage where it is quickest: tensor ranks may sit in a domain there and not elsewhere. */
const layerProfiles = (job: Job, cache: ProfileCache): LayerProfiles =>
  firstRanks(job)
    .map((self) => layerProfilesAt(job, self, cache))
    .reduce((least, next) => (passOf(next) < passOf(least) ? next : least));

const passOf = ({ forward, backward }: LayerProfiles): number => forward.nanoseconds + backward.nanoseconds;

/** The first rank of every stage whose tensor ranks lie on the fabric in a way of their own; mostly all lie alike. */
const firstRanks = ({ layout: { tp, dp, pp }, cluster: { scaleUpDomain } }: Job): readonly Rank[] => {
  const isEven = scaleUpDomain % tp === 0 || tp % scaleUpDomain === 0;
  return Array.from({ length: isEven ? 1 : pp }, (_, stage) => rank(stage * tp * dp));
};

/** A stage is run alone to make the profiles if there are none yet under the job's circumstances. */
const layerProfilesAt = (job: Job, self: Rank, cache: ProfileCache): LayerProfiles => {
  const context: DeviceContext = deviceContext(job, self);
  const machine = machineOf(job);
  const profiles = profilesFor(cache, job, groupShape(context.layer.group, machine.scaleUpDomain).domain);
  const isAgain = job.recompute.kind === 'full' && job.recompute.layers === 'all';
  const of = (pass: string): Profile | undefined => profiles.get(`${pass} layer${isAgain ? ' again' : ''}`);
  if (of('backward') === undefined) stageAlone(shortened(context), machine, profiles);
  return { forward: of('forward')!, backward: of('backward')! };
};

/** The rank with one model chunk of as few layers as will do: one, or one more than run again. */
const shortened = (context: DeviceContext): DeviceContext => {
  const { recompute } = context.job;
  const layers = recompute.kind === 'full' && recompute.layers !== 'all' ? recompute.layers + 1 : 1;
  return { ...context, chunks: [{ position: 0, layers, hasEmbedding: true, hasHead: false }] };
};

/** Bytes that a layer keeps from forward to backward at least: when only some layers run again, the least any keeps. */
const keptBytes = ({ recompute }: Job, { forward }: LayerProfiles): number =>
  recompute.kind === 'full' && recompute.layers !== 'all' ? 0 : sum(forward.memory.net.map(bytes));

/** Bytes of weights, gradients and optimizer that a rank holds of `elements` parameters, by ZeRO stage. */
const stateBytes = ({ layout: { zero, dp }, precision }: Job, elements: number): number => {
  const { weight, gradient, optimizerBytes, copyBytes } = FORMATS[precision];
  const share = (from: number): number => (zero >= from ? Math.floor(elements / dp) : elements);
  return (
    share(3) * DTYPE_BYTES[weight] + share(2) * DTYPE_BYTES[gradient] + share(1) * optimizerBytes + elements * copyBytes
  );
};

export const sketch = (job: Job, cache: ProfileCache): Sketch => {
  const { model, layout, software } = job;
  const { pp, vp, tp, schedule } = layout;
  const microbatches = microbatchesOf(job);
  const split = splitLayers(model.layers, pp * vp);
  const layersOf = (stage: Stage): number[] => split.filter((_, position) => position % pp === stage);
  const layerElements = elementsOfAll(parametersOf('layer', model, { tp, isSplit: pp > 1 }));
  const profiles = layerProfiles(job, cache);
  const pass = passOf(profiles);
  const kept = keptBytes(job, profiles);
  let longest = 0;
  let way = 0;
  let [memory, worst] = [0, 0];
  for (const stage of Array.from({ length: pp }, (_, index) => stageOf(index))) {
    const layers = layersOf(stage);
    const total = layers.reduce((sum, count) => sum + count, 0);
    longest = Math.max(longest, (way + microbatches * total) * pass);
    way += layers[0]!;
    const inFlight = inFlightPeak({ name: schedule, stage, stages: pp, microbatches, chunks: vp });
    const held = stateBytes(job, total * layerElements) + inFlight * Math.min(...layers) * kept;
    if (held > memory) [memory, worst] = [held, stage];
  }
  const { frameworkMemory, allocatorOverhead } = software;
  return {
    step: seconds(longest / 1e9),
    memory: bytes(Math.floor(memory * (1 + allocatorOverhead.value)) + frameworkMemory.value),
    stage: worst,
  };
};
