/** The folded rung: one rank stands for all of its stage, each kind of pass is run once, and all passes are replayed. */
import type { Job } from '../scenario/job.ts';
import { between, instant, instantZero } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import { machineOf } from './machine.ts';
import { peaksOf } from './peak.ts';
import type { ProfileCache } from './cache.ts';
import { profileCache } from './cache.ts';
import { replay } from './replay.ts';
import { evaluationOf } from './stage-report.ts';
import { timedStages } from './stages.ts';
import { workByStage } from './work.ts';

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
