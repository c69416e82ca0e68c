/** What a search remembers from one job to the next: sections of program, stages timed by themselves, lists of slots. */
import { Room } from './room.ts';
import type { ReplayCache } from './replay.ts';
import type { SketchCache } from './sketch.ts';
import type { StageCache } from './stages.ts';

/** Good for jobs that share model, cluster, workload and software. */
export interface ProfileCache extends StageCache, ReplayCache, SketchCache {}

export const profileCache = (): ProfileCache => ({
  profiles: new Map(),
  stages: new Map(),
  compositions: new Map(),
  slots: new Map(),
  arrivals: new Room(),
  frames: new Map(),
  shapes: new Map(),
  last: null,
});
