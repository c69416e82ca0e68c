/** Traces of small jobs in both worlds, with all that can be written down of them. */
import type { Trace } from '../../src/effects/trace.ts';
import type { Subject } from '../../src/report/trace/picture.ts';
import type { Job } from '../../src/scenario/job.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { train } from './training.ts';

export const DETAILED: Readonly<Record<'simulated' | 'real', (job: Job) => Trace>> = {
  simulated: (job) => message(job, CALM, { isDetailed: true }).trace,
  real: (job) => train(job, { steps: 1, isDetailed: true }).trace,
};

export const subjectOf = ({ devices }: Job, ranks: Subject['ranks'] = null): Subject => ({
  title: 'a "job"',
  world: 'simulated',
  devices,
  hasDevices: true,
  ranks,
});

export const bytesOf = (pieces: Iterable<string | Uint8Array>): Buffer =>
  Buffer.concat([...pieces].map((piece) => Buffer.from(piece)));
