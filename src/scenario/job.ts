/** A job is a question with every axis fixed: what `cast` turns into programs and what a simulation times. */
import type { Bytes } from '../units/quantity.ts';
import type { Cluster, Figure } from './cluster.ts';
import type { Ratio } from '../units/quantity.ts';
import type { Model } from './model.ts';
import type { Training } from './training.ts';

export const SCHEDULES = ['gpipe', '1f1b', 'interleaved', 'zb-h1', 'zb-v', 'dualpipe'] as const;
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

/**
 * Modules whose activations selective recompute drops, under Megatron-Core's names where it has one: the softmax part of
 * attention, the norms, the activation of the MLP (`mlp_act`) or of the experts (`moe_act`), the projections up from the
 * latents, the whole MLP, the whole mixture of experts, the shared experts.
 */
export const RECOMPUTE_MODULES = [
  'core_attn',
  'layernorm',
  'mlp_act',
  'moe_act',
  'mla_up_proj',
  'mlp',
  'moe',
  'shared_experts',
] as const;
export type RecomputeModule = (typeof RECOMPUTE_MODULES)[number];
export type Recompute =
  | { readonly kind: 'none' }
  | { readonly kind: 'selective'; readonly modules: readonly RecomputeModule[] }
  /** Whole layers; `layers` of each model chunk, or all of them. */
  | { readonly kind: 'full'; readonly layers: number | 'all' };

export const ZERO_STAGES = [0, 1, 2, 3] as const;
export type ZeroStage = (typeof ZERO_STAGES)[number];

export const CONTEXT_KINDS = ['ring', 'all-to-all'] as const;
/** How context ranks meet for attention: keys and values go round, or heads are exchanged for positions. */
export type ContextKind = (typeof CONTEXT_KINDS)[number];

/** The rank grid and how work moves on it. dp = devices / (tp cp pp). */
export interface Layout {
  readonly tp: number;
  /** Ranks that each hold an equal part of every sequence. */
  readonly cp: number;
  readonly contextKind: ContextKind;
  /** Ranks among which the routed experts of a layer are spread; ep etp divides tp cp dp. */
  readonly ep: number;
  /** Tensor ranks of one expert. */
  readonly etp: number;
  readonly pp: number;
  /** Model chunks a pipeline rank: 2 or more with the interleaved schedule, 2 with zb-v and dualpipe, otherwise 1. */
  readonly vp: number;
  /** Layers of the first and of the last model chunk; null leaves them to the even split. */
  readonly firstLayers: number | null;
  readonly lastLayers: number | null;
  readonly dp: number;
  /** Copies of what ZeRO shards (hybrid sharding): each of so many groups of data ranks holds all of it. */
  readonly replicas: number;
  /** Sequences a microbatch. */
  readonly microbatch: number;
  readonly schedule: ScheduleName;
  readonly zero: ZeroStage;
  /** Norms, dropouts and residuals sharded along the sequence over the tensor ranks. */
  readonly sequenceParallel: boolean;
}

/** What is kept in the host's memory instead of the card's. */
export interface Offload {
  /** `dram`: the optimizer's states live, and its step runs, on the host. */
  readonly optimizer: 'none' | 'dram';
  /** Share of each model chunk's layers whose saved activations wait on the host for their backward pass. */
  readonly activations: number;
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
  /** Tokens of the busiest rank's experts over the mean of the ranks: 1 when the router balances perfectly. */
  readonly expertImbalance: Figure<Ratio>;
  /** Tokens an expert takes at most, over the mean; those beyond are dropped. Null: dropless. */
  readonly expertCapacity: number | null;
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
  readonly offload: Offload;
  readonly software: Software;
  readonly training: Training;
  readonly seed: number;
}

/** Microbatches each pipeline runs in a step. */
export const microbatchesOf = ({ workload, layout }: Pick<Job, 'workload' | 'layout'>): number =>
  workload.globalBatch / (layout.microbatch * layout.dp);

/** Ranks of a stage among which the routed experts' weights are replicated. */
export const expertDataRanks = ({ tp, cp, dp, ep, etp }: Pick<Layout, 'tp' | 'cp' | 'dp' | 'ep' | 'etp'>): number =>
  (tp * cp * dp) / (ep * etp);

/** The axes beyond tensor, pipeline and data parallelism, each at the value that leaves it out. */
export const PLAIN_LAYOUT = {
  cp: 1,
  contextKind: 'ring',
  ep: 1,
  etp: 1,
  firstLayers: null,
  lastLayers: null,
  replicas: 1,
} as const satisfies Partial<Layout>;

export const NO_OFFLOAD: Offload = { optimizer: 'none', activations: 0 };
