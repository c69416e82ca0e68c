/** The thread of a rank that trains for the stopwatch: its program's answer is how long each of its operations took. */
import { hrtime } from 'node:process';
import { cast } from '../../actors/cast.ts';
import { supervisorOf } from '../../actors/device.ts';
import type { Itinerary } from '../../actors/itinerary.ts';
import type { Job } from '../../scenario/job.ts';
import type { Corpus } from '../data/corpus.ts';
import { playRank } from '../rank-thread.ts';
import { backendOf } from '../training/backend-of.ts';
import type { KernelChoice } from '../training/order.ts';
import { sourceOf } from '../training/states-origin.ts';
import { trainingServices } from '../training/training-services.ts';
import type { OpTiming } from './stopwatch.ts';
import { Stopwatch } from './stopwatch.ts';

export interface TimedTraining {
  readonly job: Job;
  readonly itinerary: Itinerary;
  readonly kernels: KernelChoice;
}
/** What comes of a rank. */
export interface TimedRank {
  readonly backend: string;
  readonly timings: readonly OpTiming[];
}

const clock = (): number => Number(hrtime.bigint()) / 1e9;

await playRank<TimedTraining>(({ rank, job: { job, itinerary, kernels }, shared, arena, now }) => {
  const watch = new Stopwatch(backendOf(kernels, arena), clock);
  const services = trainingServices({
    rank,
    arena,
    now,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `timeTraining` shares a corpus and nothing else
    corpus: shared as Corpus,
    source: sourceOf({ kind: 'seed', seed: job.training.seed }, job.model),
    saving: null,
    onObservation: () => 'go on',
  });
  const isSupervisor = rank === supervisorOf(job);
  const program = (function* () {
    yield* cast(job, rank, itinerary);
    return isSupervisor ? null : ({ backend: watch.backend.name, timings: watch.timings() } satisfies TimedRank);
  })();
  return { program, backend: watch.backend, services };
});
