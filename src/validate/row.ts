/** A measured row: what a source published of one run, with every field that it may leave open. */
import { z } from 'zod';
import { CONTEXT_KINDS, ZERO_STAGES } from '../scenario/job.ts';

/** A field that a row may leave out or set to null: both read as null. */
const open = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? null);
/** Bounds far beyond any run keep a slip in a row from filling the memory. */
const count = z
  .int()
  .positive()
  .max(2 ** 24);
const amount = z.number().nonnegative().max(1e9);

const EXPERTS = z.looseObject({
  experts: open(count),
  topk: open(count),
  /** Width of one routed expert. */
  moe_ffn: open(count),
  /** Shared experts, each as wide as a routed one. */
  shared: open(z.int().min(0).max(1000)),
  /** Layers before the first of experts. */
  first_dense: open(z.int().min(0).max(1000)),
  /** True when the benchmark makes the router use all experts alike. */
  forced: open(z.boolean()),
  /** Tokens an expert takes at most, over the mean. */
  capacity: open(amount),
});

const LATENT = z.looseObject({
  q_lora: open(count),
  kv_lora: open(count),
  qk_nope: open(count),
  qk_rope: open(count),
  v_head: open(count),
});

const MODEL = z.looseObject({
  name: open(z.string()),
  params_b: open(amount),
  active_b: open(amount),
  layers: open(count.max(1000)),
  hidden: open(count),
  heads: open(count),
  kv_heads: open(count),
  head_dim: open(count),
  ffn: open(count),
  gated: open(z.boolean()),
  vocab: open(count),
  seq: open(count),
  act: open(z.string()),
  pos: open(z.string()),
  arch: open(z.string()),
  tied_embeddings: open(z.boolean()),
  /** Attention that is none of every head over every token, in words. */
  attn: open(z.string()),
  moe: open(EXPERTS),
  mla: open(LATENT),
  /** Modules of multi-token prediction: how many, or in words when a recipe has them. */
  mtp_layers: open(z.union([z.int().min(0).max(100), z.string()])),
});

const HARDWARE = z.looseObject({
  gpu: open(z.string()),
  gpus_per_node: open(count),
  inter_gbps_per_gpu: open(amount),
  nvlink_domain: open(count),
});

/** Fields that nobody reads pass through: sources keep adding new ones. */
export const ROW = z.looseObject({
  id: z.string(),
  suite: open(z.string()),
  group: open(z.string()),
  tier: open(z.string()),
  model: MODEL,
  hw: HARDWARE,
  gpus: open(count),
  tp: open(count),
  pp: open(count),
  vp: open(count),
  dp: open(count),
  cp: open(count),
  cp_kind: open(z.literal(CONTEXT_KINDS)),
  ep: open(count),
  etp: open(count),
  zero: open(z.literal(ZERO_STAGES)),
  zero_group: open(z.union([z.string(), count])),
  sp: open(z.boolean()),
  gbs: open(count),
  mbs: open(count),
  n_microbatches: open(count),
  recompute: open(z.string()),
  precision: open(z.string()),
  schedule: open(z.string()),
  offload: open(z.string()),
  framework: open(z.string()),
  flops_convention: open(z.string()),
  notes: open(z.string()),
  assumed: open(z.array(z.string())),
  measured: z.record(z.string(), z.unknown()),
});

export type Row = z.infer<typeof ROW>;

/** The number that the row measured under that name; null when there is none. */
export const measuredNumber = (row: Row, field: string): number | null => {
  const value = row.measured[field];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
};
