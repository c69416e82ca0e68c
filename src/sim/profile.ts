/** What a section of program costs, recorded once and replayed wherever its key comes up again. */
import type { Job } from '../scenario/job.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import type { Meter } from './meter.ts';

export interface Profile {
  readonly nanoseconds: number;
  readonly memory: MemoryDelta;
  readonly meter: Meter;
  /** What the program returned: the same for every replay, block identities included. */
  readonly result: unknown;
}

/** Profiles by key; a map of its own for each set of circumstances that keys do not name. */
export type Profiles = Map<string, Profile>;
export type ProfileCache = Map<string, Profiles>;

/**
 * The circumstances of a job's sections among jobs of one search, which share model, cluster, workload and software.
 * `tensorDomain` is how many tensor ranks in a row share a scale-up domain.
 */
const circumstances = ({ layout, precision, recompute }: Job, tensorDomain: number): string => {
  const { tp, pp, microbatch, sequenceParallel } = layout;
  const modules = recompute.kind === 'selective' ? recompute.modules.join('+') : recompute.kind;
  return [tp, tensorDomain, sequenceParallel, microbatch, pp > 1, precision, modules].join(' ');
};

export const profilesFor = (cache: ProfileCache, job: Job, tensorDomain: number): Profiles => {
  const key = circumstances(job, tensorDomain);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const fresh: Profiles = new Map();
  cache.set(key, fresh);
  return fresh;
};
