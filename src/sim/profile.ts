/** What a search remembers from one job to the next: sections of program, stages timed by themselves, lists of slots. */
import type { Job } from '../scenario/job.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import type { Meter } from './meter.ts';
import type { FrameFigures, LastPipe, PipeShape } from './sketch.ts';
import type { SlotList } from './slots.ts';
import type { StageAlone } from './stage-alone.ts';

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
export interface ProfileCache {
  readonly profiles: Map<string, Profiles>;
  /** By all that a stage's own work depends on. */
  readonly stages: Map<string, StageAlone>;
  /** What the stages of a pipeline hold, by its shape. */
  readonly compositions: Map<string, readonly string[]>;
  /** By pipeline and microbatches, then by stage. */
  readonly slots: Map<string, SlotList[]>;
  /** Room for the arrivals of one replay, used again by the next. */
  readonly arrivals: Room;
  /** Figures of single units, for sketches. */
  readonly frames: Map<string, FrameFigures>;
  readonly shapes: Map<string, PipeShape>;
  last: LastPipe | null;
}
class Room {
  #numbers = new Float64Array(0);

  /** So many numbers, all -1; those given out before are gone. */
  ofLength(length: number): Float64Array {
    if (length > this.#numbers.length) this.#numbers = new Float64Array(2 * length);
    return this.#numbers.subarray(0, length).fill(-1);
  }
}
export const profileCache = (): ProfileCache => ({
  profiles: new Map(),
  stages: new Map(),
  compositions: new Map(),
  slots: new Map(),
  frames: new Map(),
  shapes: new Map(),
  last: null,
  arrivals: new Room(),
});

/**
 * The circumstances of a job's sections among jobs of one search. `fabric` says how the groups of a layer lie on it.
 */
export const circumstances = ({ layout, precision, recompute, offload }: Job, fabric: string): string => {
  const { tp, cp, contextKind, ep, etp, pp, microbatch, sequenceParallel } = layout;
  const modules = recompute.kind === 'selective' ? recompute.modules.join('+') : recompute.kind;
  const ranks = `${tp} ${cp} ${contextKind} ${ep} ${etp} ${sequenceParallel} ${microbatch} ${pp > 1}`;
  return `${ranks} ${precision} ${modules} ${offload.activations} ${fabric}`;
};

export const profilesFor = ({ profiles }: ProfileCache, job: Job, fabric: string): Profiles => {
  const key = circumstances(job, fabric);
  const known = profiles.get(key);
  if (known !== undefined) return known;
  const fresh: Profiles = new Map();
  profiles.set(key, fresh);
  return fresh;
};
