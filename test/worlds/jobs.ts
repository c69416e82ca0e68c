/** Small jobs for tests: a model and a cluster of round numbers, any part of which a test may replace. */
import type { Cluster, Figure } from '../../src/scenario/cluster.ts';
import type { Job, Layout, Software, Workload } from '../../src/scenario/job.ts';
import { NO_OFFLOAD, PLAIN_LAYOUT } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { PLAIN } from '../../src/scenario/model.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import type { Quantity } from '../../src/units/quantity.ts';

export const figure = <Q extends number>(value: number): Figure<Q> => ({
  value: value as Q,
  from: 'assumed',
  source: 'a round number for a test',
});

export const tinyModel: Model = {
  ...PLAIN,
  name: 'tiny',
  layers: 8,
  hidden: 256,
  heads: 8,
  kvHeads: 8,
  headDim: 32,
  ffn: 1024,
  gated: false,
  activation: 'gelu',
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  positions: 512,
  vocabulary: 1024,
  tied: false,
  bias: { qkv: true, attentionOut: true, mlp: true, head: false },
  embeddingNorm: false,
  dropout: false,
  source: 'none',
};

export const tinyCluster: Cluster = {
  name: 'tiny cluster',
  accelerator: {
    name: 'tiny card',
    peak: {
      fp32: figure(20e12),
      tf32: figure(156e12),
      fp16: figure(312e12),
      bf16: figure(312e12),
      fp8: figure(624e12),
    },
    matrixEfficiency: figure(0.85),
    narrowEfficiency: null,
    memory: figure(80e9),
    memoryBandwidth: figure(2e12),
    memoryEfficiency: figure(0.85),
    multiprocessors: figure(108),
    launch: figure(4e-6),
    power: figure(400),
    kernels: null,
  },
  devicesPerNode: 8,
  cores: null,
  wake: null,
  fabric: null,
  scaleUpDomain: 8,
  scaleUp: { bandwidth: figure(300e9), efficiency: figure(0.8), latency: figure(2e-6) },
  nic: { bandwidth: figure(25e9), efficiency: figure(0.95), latency: figure(5e-6) },
  rails: figure(8),
  pcie: { bandwidth: figure(31.5e9), efficiency: figure(0.8), latency: figure(5e-6) },
  hostMemory: figure(1e12),
  hostMemoryBandwidth: figure(200e9),
  runtimeMemory: figure(1e9),
  ssd: { capacity: figure(10e12), bandwidth: figure(5e9) },
  price: [
    {
      kind: 'listed',
      share: 1 as Quantity<'1'>,
      hourly: { low: 1 as Quantity<'$/h'>, high: 2 as Quantity<'$/h'> },
      date: '2026-01',
      region: 'nowhere',
      from: 'assumed',
      source: 'a round number for a test',
    },
  ],
  hostPower: figure(200),
  pue: figure(1.2),
  // In a tree ranks differ in what they send and when they are done: no rank could stand for all.
  collectives: ['hierarchical'],
  bestMfu: null,
};

const tinyLayout: Layout = {
  ...PLAIN_LAYOUT,
  tp: 1,
  pp: 1,
  vp: 1,
  dp: 1,
  microbatch: 1,
  schedule: '1f1b',
  zero: 0,
  sequenceParallel: false,
};
const tinyWorkload: Workload = { kind: 'pretrain', sequence: 128, globalBatch: 8, tokens: null };

export const tinySoftware: Software = {
  attention: 'flash',
  overlap: true,
  expertImbalance: figure(1),
  expertCapacity: null,
  frameworkMemory: figure(1e9),
  allocatorOverhead: figure(0.03),
};

/** A job of the tiny model; `layout` fixes devices. */
export const tinyJob = ({
  layout = {},
  model = {},
  cluster = {},
  workload = {},
  ...rest
}: {
  layout?: Partial<Layout>;
  model?: Partial<Model>;
  cluster?: Partial<Cluster>;
  workload?: Partial<Workload>;
} & Partial<Omit<Job, 'layout' | 'model' | 'cluster' | 'workload'>> = {}): Job => {
  const whole = { ...tinyLayout, ...layout };
  return {
    model: { ...tinyModel, ...model },
    cluster: { ...tinyCluster, ...cluster },
    devices: whole.tp * whole.cp * whole.pp * whole.dp,
    workload: { ...tinyWorkload, ...workload },
    layout: whole,
    precision: 'bf16',
    recompute: { kind: 'none' },
    software: tinySoftware,
    offload: NO_OFFLOAD,
    // The stages of the folded rung do not wait for each other's norm.
    training: { ...DEFAULT_TRAINING, clip: null },
    seed: 1,
    ...rest,
  };
};
