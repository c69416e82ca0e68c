/** Measures this machine: what operations of small models take on it, messages between threads, and its memory. */
import type { Job } from '../../scenario/job.ts';
import type { KernelChoice } from '../training/order.ts';
import type { LinkFit, OpFits } from './fit.ts';
import { fitLink, fitOps } from './fit.ts';
import type { Host } from './host.ts';
import { hostOf, loadNow, timeCopies } from './host.ts';
import { quantile, undisturbed } from './quantile.ts';
import type { OpTiming } from './stopwatch.ts';
import { timeMessages } from './time-messages.ts';
import { timeTraining } from './time-training.ts';

/** Seconds, undisturbed and in the middle. */
export interface Span {
  readonly best: number;
  readonly middle: number;
}
export interface Calibration {
  readonly host: Host;
  /** What multiplied. */
  readonly backend: string;
  /** Other programs and ours that wanted to run, when it began and when it ended. */
  readonly load: { readonly before: number; readonly after: number };
  readonly operations: OpFits;
  readonly link: LinkFit;
  /** To start a thread, to let it do nothing and to see it end. */
  readonly thread: Span;
  /** Until a thread that sleeps goes on with a message. */
  readonly wake: Span;
  /** Bytes a second that are read and written by a copy of more than caches hold. */
  readonly memoryRate: { readonly best: number; readonly middle: number };
}

export interface CalibrationOrder {
  /** Of one device each. */
  readonly jobs: readonly Job[];
  readonly kernels: KernelChoice;
  /** Called ahead of each part, of so many. */
  readonly onPart: (name: string, index: number, count: number) => void;
}

/** Jobs are trained more than once, with the others in between, so that whatever disturbs one disturbs all of them. */
const SWEEPS = 2;
const STEPS = 15;
/** More would have to share what a small machine's memory gives. */
const CREWS_MAX = 8;

export const calibrate = async ({ jobs, kernels, onPart }: CalibrationOrder): Promise<Calibration> => {
  const [host, before] = [hostOf(), loadNow()];
  const count = SWEEPS * jobs.length + 2;
  let part = 0;
  const timings: OpTiming[] = [];
  let backend = '';
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const job of jobs) {
      onPart(`${job.model.name} in ${job.precision}`, part++, count);
      // As many at once as there are cores: that is how fast each is when all of them work.
      const crews = Array.from({ length: Math.min(host.cores, CREWS_MAX) }, () =>
        timeTraining(job, { steps: STEPS, kernels }),
      );
      for (const [rank] of await Promise.all(crews)) {
        timings.push(...rank!.timings);
        backend = rank!.backend;
      }
    }
  onPart('messages between threads', part++, count);
  const { messages, threadSeconds, wakeSeconds } = await timeMessages();
  onPart('memory', part, count);
  const copies = timeCopies();
  const rateAt = (seconds: number): number => (2 * copies.bytes) / seconds;
  return {
    host,
    backend,
    load: { before, after: loadNow() },
    operations: fitOps(timings),
    link: fitLink(messages),
    thread: { best: Math.min(...threadSeconds), middle: quantile(threadSeconds, 0.5) },
    wake: { best: undisturbed(wakeSeconds), middle: quantile(wakeSeconds, 0.5) },
    memoryRate: { best: rateAt(undisturbed(copies.seconds)), middle: rateAt(quantile(copies.seconds, 0.5)) },
  };
};
