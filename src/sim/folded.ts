/** The folded rung: one rank stands for all of its stage, each kind of pass is run once, and all passes are replayed. */
import { splitsBackward } from '../actors/schedules/schedule.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { between, instant, instantZero } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import { machineOf } from './machine.ts';
import type { Meter } from './meter.ts';
import { peaksOf } from './peak.ts';
import type { ProfileCache } from './cache.ts';
import { profileCache } from './cache.ts';
import { replay } from './replay.ts';
import { slotLists } from './slots.ts';
import type { StageAlone } from './stage-alone.ts';
import { evaluationOf } from './stage-report.ts';
import type { TimedStage } from './stages.ts';
import { timedStages } from './stages.ts';
import { workOf } from './work.ts';

/** Times one step of the job. `cache` keeps what is known between jobs of one search. */
export const folded = (job: Job, cache: ProfileCache = profileCache()): Evaluation => {
  const machine = machineOf(job);
  const stages = timedStages(job, machine, cache);
  const courses = replay(job, stages, { machine, cache });
  const peaks = peaksOf(job, stages, cache);
  const work = workByStage(job, stages, { cache, what: 'work' });
  const end = instant(courses.reduce((last, { at }) => Math.max(last, at), 0));
  return evaluationOf(job, {
    fidelity: 'folded',
    end,
    stages: courses.map(({ at, waits, filledAt, drainsAt }, index) => ({
      timed: stages[index]!,
      at: instant(at),
      work: work[index]!,
      waits,
      ...peaks[index]!,
      filledAt: between(instantZero, instant(Math.max(0, filledAt))),
      drainsAt: between(instantZero, instant(drainsAt)),
    })),
  });
};

/** What each stage does in a step, with the waits that it has by itself or without any. */
export const workByStage = (
  job: Job,
  stages: readonly TimedStage[],
  { cache, what }: { cache: ProfileCache; what: 'meter' | 'work' },
): readonly Meter[] => {
  const lists = slotLists(job.layout, microbatchesOf(job), cache);
  // Where backward passes are split, each stage splits others.
  const isShared = !splitsBackward(job.layout.schedule);
  const known = new Map<StageAlone, Meter>();
  return stages.map(({ stage, alone }) => {
    const met = isShared ? known.get(alone) : undefined;
    const work = met ?? workOf(alone, lists.of(stage), what);
    known.set(alone, work);
    return work;
  });
};
