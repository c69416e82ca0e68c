/** What sections of program cost, recorded once and replayed wherever their keys come up again. */
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

/** Good for jobs that share model, cluster, workload and software. */
export interface SectionCache {
  /** By circumstances. */
  readonly profiles: Map<string, Profiles>;
}

/**
 * The circumstances of a job's sections among jobs of one search. `fabric` says how the groups of a layer lie on it.
 */
export const circumstances = ({ layout, precision, recompute, offload }: Job, fabric: string): string => {
  const { tp, cp, contextKind, ep, etp, pp, microbatch, sequenceParallel } = layout;
  const modules = recompute.kind === 'selective' ? recompute.modules.join('+') : recompute.kind;
  const ranks = `${tp} ${cp} ${contextKind} ${ep} ${etp} ${sequenceParallel} ${microbatch} ${pp > 1}`;
  return `${ranks} ${precision} ${modules} ${offload.activations} ${fabric}`;
};

export const profilesFor = ({ profiles }: SectionCache, job: Job, fabric: string): Profiles => {
  const key = circumstances(job, fabric);
  const known = profiles.get(key);
  if (known !== undefined) return known;
  const fresh: Profiles = new Map();
  profiles.set(key, fresh);
  return fresh;
};
