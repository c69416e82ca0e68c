/** What a search says while it runs. */
import type { Seconds } from '../units/quantity.ts';

export interface Progress {
  /** Layouts that have a verdict, of how many. */
  readonly done: number;
  readonly total: number;
  /** The best step time so far and its layout in short; null until the first layout was simulated. */
  readonly best: { readonly step: Seconds; readonly layout: string } | null;
}
