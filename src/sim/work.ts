/** What a stage does in a step, added up from its passes. */
import { Meter } from './meter.ts';
import type { SlotList } from './slots.ts';
import type { StageAlone } from './stage-alone.ts';

/** `meter`: with the waits that the rank has by itself, for its own traffic; `work`: without any. */
export const workOf = (alone: StageAlone, { counts }: SlotList, what: 'meter' | 'work'): Meter => {
  const total = new Meter();
  total.add(alone.ahead[what]);
  total.add(alone.tail[what]);
  for (let index = 0; index < counts.length; index++)
    if (counts[index]! > 0) total.add(alone.pieces[index]![what], counts[index] ?? 0);
  return total;
};
