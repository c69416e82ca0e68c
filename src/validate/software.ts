/** What the software of a row did, apart from the layout: its attention, its overlap, and how its router spread the tokens. */
import { SOFTWARE } from '../scenario/defaults.ts';
import type { Software } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { attentionOf, habitsOf } from './framework.ts';
import type { Row } from './row.ts';

export const softwareOf = (row: Row, sequence: number): Filled<Software> => {
  const habits = habitsOf(row);
  const attention = attentionOf(row, sequence);
  const capacity = capacityOf(row);
  const value: Software = { attention, overlap: habits.overlap, ...SOFTWARE, expertCapacity: capacity.value };
  const words = `${attention} attention, ${habits.overlap ? '' : 'no '}overlap: the habit of ${habits.name}`;
  return { value, assumed: [words, ...capacity.assumed, ...balanceWords(row)] };
};

/** Megatron's benchmarks that drop tokens do so beyond the mean. */
const capacityOf = ({ model, notes }: Row): Filled<number | null> => {
  if (model.moe === null || model.moe.capacity !== null) return stated(model.moe?.capacity ?? null);
  return /token-drop/i.test(notes ?? '')
    ? assume(1, 'expert capacity 1: tokens are dropped, beyond what is not stated')
    : stated(null);
};

/** A benchmark may force its router to use all experts alike; a router that learns does so only on average. */
const balanceWords = ({ model, notes }: Row): readonly string[] =>
  model.moe === null || model.moe.forced === true || /forced/i.test(notes ?? '')
    ? []
    : ['experts balanced: not stated'];
