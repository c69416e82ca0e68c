/** Trains a job for a few steps on threads of this machine, to see how long each of its operations takes. */
import { supervisorOf } from '../../actors/device.ts';
import type { Job } from '../../scenario/job.ts';
import type { Corpus } from '../data/corpus.ts';
import { defaultSettings, launch } from '../launch.ts';
import type { KernelChoice } from '../training/order.ts';
import type { TimedRank, TimedTraining } from './training-thread.ts';

/** src/exec/calibration and dist/exec/calibration: the threads' files stand beside this one. */
export const threadBeside = (name: string): URL =>
  new URL(import.meta.url.replace(/[^/]+\.(?<end>[jt]s)$/u, `${name}.$<end>`));

/**
 * Tokens without meaning: what operations cost does not depend on them.
 * @public for benchmarks
 */
export const meaninglessCorpus = ({ model, workload: { sequence }, training: { seed } }: Job): Corpus => {
  const length = SEQUENCES * sequence + 1;
  const tokens = new Uint16Array(new SharedArrayBuffer(2 * length));
  for (let index = 0; index < length; index++) tokens[index] = (index * STRIDE) % model.vocabulary;
  const split = { documents: 1, start: 0, tokens: length, sequences: SEQUENCES };
  return {
    tokens,
    sequence,
    seed,
    splits: { train: split, validation: split },
    fingerprint: 'none',
    tokenizerFile: null,
  };
};
const SEQUENCES = 64;
/** A prime, so that neighbours are far apart. */
const STRIDE = 7919;

/** The devices' timings, in their order. */
export const timeTraining = async (
  job: Job,
  { steps, kernels, thread = threadBeside('training-thread') }: { steps: number; kernels: KernelChoice; thread?: URL },
): Promise<readonly TimedRank[]> => {
  const itinerary = { first: 1, last: steps, validatesEvery: null, savesEvery: null };
  const order: TimedTraining = { job, itinerary, kernels };
  const crew = launch({
    thread,
    rankCount: job.devices + 1,
    job: order,
    shared: meaninglessCorpus(job),
    settings: defaultSettings(job.devices),
    idlers: [supervisorOf(job)],
    onReport: () => {},
  });
  const outcomes = await crew.ended;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the program of a device returns
  return outcomes.slice(0, job.devices).map(({ result }) => result as TimedRank);
};
