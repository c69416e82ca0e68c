/** A job is a question with every axis fixed: what `cast` turns into programs and what a simulation times. */
import type { Bytes } from '../units/quantity.ts';
import type { Cluster, Figure } from './cluster.ts';
import type { Ratio } from '../units/quantity.ts';
import type { Model } from './model.ts';

export const SCHEDULES = ['gpipe', '1f1b', 'interleaved'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export const PRECISIONS = [
  'fp32',
  'bf16',
  'fp16',
  'fp8-delayed',
  'fp8-current',
  'fp8-block',
  'mxfp8',
  'nvfp4',
] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Modules whose activations selective recompute drops: the softmax part of attention, the norms, the MLP activation. */
export const RECOMPUTE_MODULES = ['core_attn', 'layernorm', 'mlp_act'] as const;
export type RecomputeModule = (typeof RECOMPUTE_MODULES)[number];
export type Recompute =
  | { readonly kind: 'none' }
  | { readonly kind: 'selective'; readonly modules: readonly RecomputeModule[] }
  /** Whole layers; `layers` of each model chunk, or all of them. */
  | { readonly kind: 'full'; readonly layers: number | 'all' };

export const ZERO_STAGES = [0, 1, 2, 3] as const;
export type ZeroStage = (typeof ZERO_STAGES)[number];

/** The rank grid and how work moves on it. dp = devices / (tp pp). */
export interface Layout {
  readonly tp: number;
  readonly pp: number;
  /** Model chunks a pipeline rank; more than 1 only with the interleaved schedule. */
  readonly vp: number;
  readonly dp: number;
  /** Sequences a microbatch. */
  readonly microbatch: number;
  readonly schedule: ScheduleName;
  readonly zero: ZeroStage;
  /** Norms, dropouts and residuals sharded along the sequence over the tensor ranks. */
  readonly sequenceParallel: boolean;
}

export interface Workload {
  readonly kind: 'pretrain';
  /** Tokens a sequence. */
  readonly sequence: number;
  /** Sequences a step. */
  readonly globalBatch: number;
  /** Tokens of the whole run; null when only the step is asked about. */
  readonly tokens: number | null;
}

/** What the software does and takes, apart from the layout. */
export interface Software {
  /** Flash attention keeps no score matrix; unfused attention writes and keeps it. */
  readonly attention: 'flash' | 'unfused';
  /** Gradient reduction and parameter gathering run beside the backward and forward passes. */
  readonly overlap: boolean;
  /** Memory held by the framework and the communication library on every card. */
  readonly frameworkMemory: Figure<Bytes>;
  /** Share of the allocated bytes lost by the allocator to fragments and rounding. */
  readonly allocatorOverhead: Figure<Ratio>;
}

export interface Job {
  readonly model: Model;
  readonly cluster: Cluster;
  readonly devices: number;
  readonly workload: Workload;
  readonly layout: Layout;
  readonly precision: Precision;
  readonly recompute: Recompute;
  readonly software: Software;
  readonly seed: number;
}

/** Microbatches each pipeline runs in a step. */
export const microbatchesOf = ({ workload, layout }: Pick<Job, 'workload' | 'layout'>): number =>
  workload.globalBatch / (layout.microbatch * layout.dp);
