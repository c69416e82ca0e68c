/** Which steps a job runs, and what it does between them. */

export interface Itinerary {
  /** Numbers of the first step and the last, counted from 1 over all runs of the job. */
  readonly first: number;
  readonly last: number;
  /** Steps from one to the next; null: never. */
  readonly validatesEvery: number | null;
  readonly savesEvery: number | null;
}

/** What is simulated. */
export const ONE_STEP: Itinerary = { first: 1, last: 1, validatesEvery: null, savesEvery: null };

/** With the last step too. */
export const validatesAfter = ({ validatesEvery, last }: Itinerary, step: number): boolean =>
  validatesEvery !== null && (step % validatesEvery === 0 || step === last);

/** With the last step too, also one that has become the last on request. */
export const savesAfter = ({ savesEvery }: Itinerary, step: number, isLast: boolean): boolean =>
  savesEvery !== null && (step % savesEvery === 0 || isLast);
