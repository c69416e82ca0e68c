/** A search on this thread that nobody watches, and one that is interrupted after so many looks at its interrupt. */
import type { TrialOptions } from '../../src/plan/trial.ts';

export const alone: TrialOptions = { pool: null, onProgress: () => undefined, isInterrupted: () => false };

export const interruptedAfter = (looks: number): TrialOptions => {
  let left = looks;
  return { ...alone, isInterrupted: () => left-- <= 0 };
};
