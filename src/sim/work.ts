/** What a stage does in a step, added up from its passes. */
import { splitsBackward } from '../actors/schedules/schedule.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { Meter } from './meter.ts';
import type { SlotCache, SlotList } from './slots.ts';
import { slotLists } from './slots.ts';
import type { StageAlone } from './stage-alone.ts';
import type { TimedStage } from './stages.ts';

/** `meter`: with the waits that the rank has by itself, for its own traffic; `work`: without any. */
const workOf = (alone: StageAlone, { counts }: SlotList, what: 'meter' | 'work'): Meter => {
  const total = new Meter();
  total.add(alone.ahead[what]);
  total.add(alone.tail[what]);
  for (let index = 0; index < counts.length; index++)
    if (counts[index]! > 0) total.add(alone.pieces[index]![what], counts[index] ?? 0);
  return total;
};

/** What each stage does in a step, with the waits that it has by itself or without any. */
export const workByStage = (
  job: Job,
  stages: readonly TimedStage[],
  { cache, what }: { cache: SlotCache; what: 'meter' | 'work' },
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
