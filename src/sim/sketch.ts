/**
 * What a layout takes at least, from the profiles of one unit of each kind: microseconds a layout, so that most need no
 * closer look. Neither time nor memory is above the simulation's.
 */
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { FORMATS } from '../model/precision.ts';
import type { Job } from '../scenario/job.ts';
import { expertDataRanks } from '../scenario/job.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, seconds } from '../units/quantity.ts';
import { trafficBound } from './traffic-bound.ts';
import type { FrameCache, FrameFigures } from './frame-figures.ts';
import { frameOf } from './frame-figures.ts';
import type { PipeFigures, ShapeCache, StageFigures } from './pipe-figures.ts';
import { pipeFigures, pipeShape } from './pipe-figures.ts';

export interface Sketch {
  readonly step: Seconds;
  /** Memory of the stage that needs most. */
  readonly memory: Bytes;
  readonly stage: number;
}

export const sketch = (job: Job, cache: SketchCache): Sketch => {
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

export interface SketchCache extends FrameCache, ShapeCache {
  last: LastPipe | null;
}

const pipeOf = (job: Job, cache: SketchCache): PipeFigures => {
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
