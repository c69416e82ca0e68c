/** What `angel-sim validate` answers, as plain data: every graded outcome, and how good the predictions are by class. */
export const METRICS = ['step_s', 'memory_bytes', 'oom'] as const;
export type Metric = (typeof METRICS)[number];

/** One graded outcome of a row. */
export interface GradedRow {
  readonly id: string;
  readonly metric: Metric;
  readonly covered: boolean;
  /** Why the row is not covered; null when it is. */
  readonly reason: string | null;
  /** Defaults that filled fields the row leaves open, in words. */
  readonly assumed: readonly string[];
  /** Seconds, bytes, or 1 and 0 for out of memory and not. Null when not covered. */
  readonly predicted: number | null;
  readonly measured: number | null;
  /** predicted / measured - 1; for oom 0 when the verdict is right, else 1 (false alarm) or -1 (missed). */
  readonly error: number | null;
  readonly suite: string;
  readonly group: string;
  readonly tier: string;
  readonly card: string;
  readonly precision: string;
  /** Of the job that was predicted, where its whole step was; null for layers, other metrics and rows not covered. */
  readonly jobClass: string | null;
}

export const CLASSES = ['all', 'suite', 'tier', 'card', 'precision'] as const;
export type Class = (typeof CLASSES)[number];

export interface Summary {
  readonly by: Class;
  readonly name: string;
  readonly metric: Metric;
  /** Entries of the class, covered or not. */
  readonly count: number;
  readonly covered: number;
  /** Mean absolute error. All four are null when nothing is covered. */
  readonly mape: number | null;
  /** Median absolute error. */
  readonly median: number | null;
  /** Mean signed error. */
  readonly bias: number | null;
  /** 90th percentile of the absolute error. */
  readonly p90: number | null;
}

export interface Validation {
  /** In the order of the file, one entry for each metric of a row. */
  readonly rows: readonly GradedRow[];
  readonly summary: readonly Summary[];
}
