/** The model, the cluster and the software of the plans in `report-fixtures.ts`: one figure of every origin among them. */
import type { Cluster, Figure, Provenance } from '../../src/scenario/cluster.ts';
import type { Ratio } from '../../src/units/quantity.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { PLAIN } from '../../src/scenario/model.ts';
import { bytes, bytesPerSecond, dollarsPerHour, flopsPerSecond, seconds, watts } from '../../src/units/quantity.ts';

const figure = <Q extends number>(value: Q, from: Provenance = 'datasheet'): Figure<Q> => ({
  value,
  from,
  source: `the page that says ${value}`,
});
export const ratio = (value: number): Ratio => value as Ratio;
const link = (rate: number): Cluster['nic'] => ({
  bandwidth: figure(bytesPerSecond(rate)),
  efficiency: figure(ratio(0.8), 'measured'),
  latency: figure(seconds(5e-6), 'assumed'),
});

export const cluster: Cluster = {
  name: 'dgx-a100-80g',
  accelerator: {
    name: 'A100',
    peak: { fp32: figure(flopsPerSecond(19.5e12)), bf16: figure(flopsPerSecond(312e12)) },
    matrixEfficiency: figure(ratio(0.85), 'measured'),
    narrowEfficiency: null,
    memory: figure(bytes(80 * 2 ** 30)),
    memoryBandwidth: figure(bytesPerSecond(2e12)),
    memoryEfficiency: figure(ratio(0.85), 'assumed'),
    multiprocessors: figure(108),
    launch: figure(seconds(4.5e-6), 'assumed'),
    power: figure(watts(400)),
    kernels: null,
  },
  devicesPerNode: 8,
  cores: null,
  wake: null,
  fabric: null,
  scaleUpDomain: 8,
  scaleUp: link(300e9),
  nic: link(25e9),
  rails: figure(8),
  pcie: link(25e9),
  hostMemory: figure(bytes(2 ** 40)),
  hostMemoryBandwidth: figure(bytesPerSecond(2e11)),
  runtimeMemory: figure(bytes(3 * 2 ** 30)),
  ssd: { capacity: figure(bytes(2 ** 43)), bandwidth: figure(bytesPerSecond(6e9)) },
  price: [
    {
      kind: 'listed',
      share: ratio(1),
      hourly: { low: dollarsPerHour(1.2), high: dollarsPerHour(4) },
      date: '2026-08',
      region: 'us-east',
      from: 'datasheet',
      source: 'price lists',
    },
  ],
  hostPower: figure(watts(400), 'assumed'),
  pue: figure(ratio(1.2), 'assumed'),
  collectives: ['hierarchical', 'tree'],
  bestMfu: figure(ratio(0.563), 'measured'),
};

export const model: Model = {
  ...PLAIN,
  name: 'gpt3-175b',
  layers: 96,
  hidden: 12288,
  heads: 96,
  kvHeads: 96,
  headDim: 128,
  ffn: 49152,
  gated: false,
  activation: 'gelu',
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  positions: 2048,
  vocabulary: 51200,
  tied: true,
  bias: { qkv: true, attentionOut: true, mlp: true, head: false },
  embeddingNorm: false,
  dropout: true,
  source: 'Brown et al. 2020, table 2.1',
};

export const software: Job['software'] = {
  attention: 'flash',
  overlap: true,
  expertImbalance: figure(ratio(1), 'assumed'),
  expertCapacity: null,
  frameworkMemory: figure(bytes(3 * 2 ** 30), 'assumed'),
  allocatorOverhead: figure(ratio(0.03), 'assumed'),
};
