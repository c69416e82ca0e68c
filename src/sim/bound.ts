/**
 * The bound rung: closed forms over passes that were each run once. The step is never shorter than the bound, and the
 * peak of memory is exact.
 */
import { crossingBytes } from '../actors/pipeline-link.ts';
import { stageSize } from '../actors/mesh.ts';
import { placementOf } from '../actors/schedules/placement.ts';
import { splitsBackward } from '../actors/schedules/schedule.ts';
import { pointToPointTime } from '../collectives/point-to-point.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { between, instant, instantZero, later, seconds } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import { workByStage } from './work.ts';
import type { Machine } from './machine.ts';
import { linkBetween, machineOf } from './machine.ts';
import { Meter } from './meter.ts';
import { peaksOf } from './peak.ts';
import type { ProfileCache } from './cache.ts';
import { profileCache } from './cache.ts';
import type { Passes, Piece } from './stage-alone.ts';
import { evaluationOf } from './stage-report.ts';
import type { TimedStage } from './stages.ts';
import { timedStages } from './stages.ts';

const piecesOf = ({ first, second, middle, last }: Passes): readonly Piece[] => [first, second, middle, last];
/** Nanoseconds that a pass takes at least, whichever microbatch it is of. */
const least = (passes: Passes): number => Math.min(...piecesOf(passes).map(({ nanoseconds }) => nanoseconds));
/** The same of a stage that may read its labels and gather its weights while it waits for the stages in front. */
const leastBehind = (passes: Passes): number =>
  Math.min(...piecesOf(passes).map((piece) => piece.nanoseconds - beside(piece)));
const beside = ({ meter }: Piece): number => meter.spentOn('input') + meter.spentOn('dp');

/**
 * With F_j and B_j the passes of stage j's first chunk, x a message's way to the next stage, m microbatches and a stage's
 * work W_s = m sum over its chunks of (F + B), the step is no shorter than the longest over the stages s of
 *
 *     ahead + sum_{j<s} (F_j + x)  +  W_s  +  max(tail_s, sum_{j<s} (B_j + x) + tail_0):
 *
 * nothing reaches stage s before the stages in front have passed the first microbatch on, and its last pass backward is
 * of its first chunk, which they must then run too, unless the weights' gradients come last. A tail is what a stage still
 * has to do after its last pass, and `ahead` what every stage does before its first. What a stage may do while it waits for
 * its first input counts for the first stage alone, which has none to wait for. Where microbatches come from both ends,
 * nobody has to wait for the other end.
 */
const stepBound = (job: Job, stages: readonly TimedStage[], machine: Machine): number => {
  const { schedule } = job.layout;
  const isMirrored = placementOf(schedule) === 'mirrored';
  const isSplit = splitsBackward(schedule);
  const microbatches = microbatchesOf(job) / (isMirrored ? 2 : 1);
  const first = stages[0]!.alone.tail.nanoseconds;
  let [way, back, longest] = [stages[0]!.alone.ahead.nanoseconds, 0, 0];
  for (const [index, timed] of stages.entries()) {
    const { alone } = timed;
    const leastForward = index === 0 ? least : leastBehind;
    const pass = total(alone.forward, leastForward) + leastBackward(timed);
    const tail = Math.max(alone.tail.nanoseconds, isSplit ? 0 : back + first);
    longest = Math.max(longest, way + microbatches * pass + tail);
    const next = stages[index + 1];
    if (next === undefined || isMirrored) continue;
    const hop = hopTime(job, timed, { next, machine });
    way += leastForward(alone.forward[0]!) + hop;
    back += least(alone.backward[0]!) + hop;
  }
  return longest;
};

/** One microbatch through all chunks of the stage. */
const total = (chunks: readonly Passes[], time: (passes: Passes) => number): number =>
  chunks.reduce((sum, passes) => sum + time(passes), 0);

/** Whole, or in halves where those are quicker. */
const leastBackward = ({ alone: { backward, inputs, weights } }: TimedStage): number =>
  backward.reduce((sum, whole, chunk) => {
    const [half, other] = [inputs[chunk], weights[chunk]];
    const halves = half === undefined || other === undefined ? Infinity : least(half) + least(other);
    return sum + Math.min(least(whole), halves);
  }, 0);

/** Nanoseconds of a message's way between two stages, whose first ranks share a domain or do not. */
const hopTime = (job: Job, timed: TimedStage, { next, machine }: { next: TimedStage; machine: Machine }): number => {
  const size = stageSize(job.layout);
  const link = linkBetween(machine, timed.stage * size, next.stage * size);
  return later(instantZero, pointToPointTime(crossingBytes(timed.context), link));
};

export const bound = (job: Job, cache: ProfileCache = profileCache()): Evaluation => {
  const machine = machineOf(job);
  const stages = timedStages(job, machine, cache);
  const end = instant(stepBound(job, stages, machine));
  const work = workByStage(job, stages, { cache, what: 'meter' });
  const peaks = peaksOf(job, stages, cache);
  return evaluationOf(job, {
    fidelity: 'bound',
    end,
    // The time that no term accounts for is waited.
    stages: stages.map((timed, index) => ({
      timed,
      at: instant(Math.min(end, work[index]!.spent)),
      work: work[index]!,
      waits: new Meter(),
      ...peaks[index]!,
      filledAt: seconds(0),
      drainsAt: between(instantZero, end),
    })),
  });
};
