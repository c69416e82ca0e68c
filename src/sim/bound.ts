/**
 * The bound rung: closed forms over passes that were each run once. The step is never shorter than the bound, and the
 * peak of memory is exact.
 */
import type { DeviceContext } from '../actors/device-context.ts';
import { shardsGradients } from '../actors/model-chunk.ts';
import { crossingBytes } from '../actors/pipeline-link.ts';
import { microbatchesToPeak, scheduleOf } from '../actors/schedules/schedule.ts';
import { chunkOf, microbatchOf, passOf } from '../actors/schedules/slot.ts';
import { groupShape } from '../collectives/group-shape.ts';
import { pointToPointTime } from '../collectives/point-to-point.ts';
import type { Moment } from '../memory/moment.ts';
import type { Job } from '../scenario/job.ts';
import type { Instant } from '../units/quantity.ts';
import { between, instant, instantZero, later, seconds } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import { representatives } from './folded.ts';
import { Ledger } from '../memory/ledger.ts';
import type { Machine } from './machine.ts';
import { machineOf } from './machine.ts';
import { Meter } from './meter.ts';
import type { ProfileCache } from './profile.ts';
import { profilesFor } from './profile.ts';
import type { Passes, Piece, StageAlone } from './stage-alone.ts';
import { stageAlone } from './stage-alone.ts';
import type { StageCount } from './stage-report.ts';
import { evaluationOf } from './stage-report.ts';

/** Nanoseconds that a pass takes at least, whichever microbatch it is of. */
const least = ({ first, middle, last }: Passes): number =>
  Math.min(first.nanoseconds, middle.nanoseconds, last.nanoseconds);
/** The same of a stage that may read its labels and gather its weights while it waits for the stages in front. */
const leastBehind = ({ first, middle, last }: Passes): number =>
  Math.min(...[first, middle, last].map((piece) => piece.nanoseconds - beside(piece)));
const beside = ({ meter }: Piece): number => meter.spentOn('input') + meter.spentOn('dp');

interface Timed {
  readonly context: DeviceContext;
  readonly alone: StageAlone;
}

/**
 * With F_j and B_j the passes of stage j's first chunk, x a message's way to the next stage, m microbatches and a stage's
 * work W_s = m sum over its chunks of (F + B), the step is no shorter than the longest over the stages s of
 *
 *     sum_{j<s} (F_j + x)  +  W_s  +  max(tail_s, sum_{j<s} (B_j + x) + tail_0):
 *
 * nothing reaches stage s before the stages in front have passed the first microbatch on, and its last pass backward is
 * of its first chunk, which they must then run too. A tail is what a stage still has to do after its last pass. What a
 * stage may do while it waits for its first input counts for the first stage alone, which has none to wait for.
 */
const stepBound = (stages: readonly Timed[], machine: Machine): number => {
  let way = 0;
  let longest = 0;
  const tail = stages[0]!.alone.tail.nanoseconds;
  let back = 0;
  for (const [stage, { context, alone }] of stages.entries()) {
    const leastForward = stage === 0 ? least : leastBehind;
    const pass = total(alone.forward, leastForward) + total(alone.backward, least);
    longest = Math.max(longest, way + context.microbatches * pass + Math.max(alone.tail.nanoseconds, back + tail));
    const next = stages[stage + 1];
    if (next === undefined) break;
    const hop = hopTime(context, next.context, machine);
    way += leastForward(alone.forward[0]!) + hop;
    back += least(alone.backward[0]!) + hop;
  }
  return longest;
};

/** One microbatch through all chunks of the stage. */
const total = (chunks: readonly Passes[], time: (passes: Passes) => number): number =>
  chunks.reduce((sum, passes) => sum + time(passes), 0);

/** Nanoseconds of a message's way between two stages, whose first ranks share a domain or do not. */
const hopTime = (context: DeviceContext, next: DeviceContext, { links, scaleUpDomain }: Machine): number => {
  const domainOf = ({ place }: DeviceContext): number => Math.floor(place.rank / scaleUpDomain);
  const isNear = domainOf(context) === domainOf(next);
  return later(instantZero, pointToPointTime(crossingBytes(context), isNear ? links.scaleUp : links.nic));
};

/** The largest sum of what is held and what a pass takes on top, over the stage's list of passes. */
const peakOf = ({ context, alone }: Timed): Pick<StageCount, 'memory' | 'moment'> => {
  const { pp, vp, schedule } = context.job.layout;
  const pipeline = { stages: pp, microbatches: context.microbatches, chunks: vp };
  // Two more, so that neither the first nor the last, which differ from the rest, stand in for those at the peak; and
  // whole groups of an interleaved list, which has no others.
  const enough = microbatchesToPeak(schedule, pipeline) + 2;
  const microbatches = Math.min(context.microbatches, vp > 1 ? Math.ceil(enough / pp) * pp : enough);
  const ledger = new Ledger();
  ledger.replay(alone.placed.memory);
  ledger.replay(alone.ahead.memory);
  for (const slot of scheduleOf(schedule)({ ...pipeline, microbatches, stage: context.place.stage })) {
    const moment: Moment = { pass: passOf(slot), microbatch: microbatchOf(slot), chunk: chunkOf(slot) };
    const passes = alone[moment.pass][moment.chunk]!;
    const isLast = moment.microbatch === microbatches - 1;
    // Where every pass sends gradients off, the last of a shortened list stands for one in the middle, ahead of which
    // the loader reads; elsewhere only the last one sends them, and nothing is left to read.
    const isCut = moment.pass === 'forward' && microbatches < context.microbatches && shardsGradients(context);
    ledger.enter(moment);
    ledger.replay((moment.microbatch === 0 ? passes.first : isLast && !isCut ? passes.last : passes.middle).memory);
  }
  for (const { memory } of alone.settled) ledger.replay(memory);
  ledger.replay(alone.tail.memory);
  return { memory: ledger.delta, moment: ledger.peakMoment };
};

/** What the stage does in a step, counted from its passes: one is first, another last, and the rest are in the middle. */
const meterOf = ({ context: { microbatches }, alone }: Timed): Meter => {
  const meter = new Meter();
  for (const { first, middle, last } of [...alone.forward, ...alone.backward]) {
    meter.add(first.meter);
    if (microbatches > 1) meter.add(last.meter);
    if (microbatches > 2) meter.add(middle.meter, microbatches - 2);
  }
  meter.add(alone.ahead.meter);
  meter.add(alone.tail.meter);
  return meter;
};

export const bound = (job: Job, cache: ProfileCache = new Map()): Evaluation => {
  const machine = machineOf(job);
  const known = new Map<string, StageAlone>();
  const stages = representatives(job).map((context): Timed => {
    const { domain } = groupShape(context.layer.group, machine.scaleUpDomain);
    const data = groupShape(context.dataGroup, machine.scaleUpDomain);
    const key = JSON.stringify([
      domain,
      data,
      context.chunks.map((chunk) => [chunk.layers, chunk.hasEmbedding, chunk.hasHead]),
    ]);
    const alone = known.get(key) ?? stageAlone(context, machine, profilesFor(cache, job, domain));
    known.set(key, alone);
    return { context, alone };
  });
  const end = instant(stepBound(stages, machine));
  return evaluationOf(job, { fidelity: 'bound', end, stages: stages.map((stage) => counted(stage, end)) });
};

/** The time that no term accounts for is waited. */
const counted = (stage: Timed, end: Instant): StageCount => {
  const meter = meterOf(stage);
  const at = instant(Math.min(end, meter.spent));
  const drained = between(instantZero, end);
  return { context: stage.context, at, meter, ...peakOf(stage), filledAt: seconds(0), drainsAt: drained };
};
