/** A scenario is the question as asked: a job in which any axis may be a list, or absent, to be searched. */
import type { Cluster } from './cluster.ts';
import type { Conditions } from './conditions.ts';
import type { ContextKind, Offload, Precision, Recompute, ScheduleName, Software, Workload, ZeroStage } from './job.ts';
import type { Model } from './model.ts';
import type { RealRun } from './real-run.ts';
import type { Reliability } from './reliability.ts';
import type { Ratio } from '../units/quantity.ts';

export const BREADTHS = ['usual', 'whole'] as const;
export type Breadth = (typeof BREADTHS)[number];

/** The values to try on an axis: the ones given (a fixed axis gives one), or null for every legal one. */
export type Axis<T> = readonly T[] | null;

/** So many context ranks, of one kind or, with null, of whichever is best. */
export interface ContextRanks {
  readonly size: number;
  readonly kind: ContextKind | null;
}

export interface LayoutSpace {
  readonly tp: Axis<number>;
  readonly cp: Axis<ContextRanks>;
  readonly ep: Axis<number>;
  readonly etp: Axis<number>;
  readonly pp: Axis<number>;
  readonly vp: Axis<number>;
  readonly firstLayers: Axis<number>;
  readonly lastLayers: Axis<number>;
  readonly dp: Axis<number>;
  readonly replicas: Axis<number>;
  readonly microbatch: Axis<number>;
  readonly schedule: Axis<ScheduleName>;
  readonly zero: Axis<ZeroStage>;
  readonly sequenceParallel: Axis<boolean>;
}

/** Frozen, whole, and valid by itself: nothing deeper checks configuration again. */
export interface Scenario extends RealRun {
  /** The question in a line: the first comment of the file, or what the flags amount to. */
  readonly title: string;
  readonly model: Model;
  readonly cluster: Cluster;
  readonly devices: readonly number[];
  readonly workload: Workload;
  readonly layout: LayoutSpace;
  readonly precision: readonly Precision[];
  readonly recompute: Axis<Recompute>;
  readonly offload: Axis<Offload>;
  readonly software: Software;
  /** What is not as it should be. */
  readonly conditions: Conditions;
  /** Null: nothing is said of failures. */
  readonly reliability: Reliability | null;
  /** What a free axis tries: what every engine has and most people use, or everything that is legal. */
  readonly search: Breadth;
  /** Share of the card's memory that a plan must leave free: the winner of many estimates is biased upwards. */
  readonly memoryMargin: Ratio;
  readonly seed: number;
}
