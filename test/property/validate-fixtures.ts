/** What the laws of `validate` share: the shipped rows, a plain cluster, a plain predictor and a row of GPT-3 175B. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Axis } from '../../src/effects/group.ts';
import { AXES } from '../../src/effects/group.ts';
import type { Purpose } from '../../src/memory/purpose.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Cluster, Figure } from '../../src/scenario/cluster.ts';
import { parseCluster } from '../../src/scenario/entries.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { Library } from '../../src/scenario/library.ts';
import type { Evaluation, Term } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import type { Bytes, Seconds } from '../../src/units/quantity.ts';
import { bytes, dollarsPerHour, flops, ratio, seconds, zeroBytes, zeroSeconds } from '../../src/units/quantity.ts';
import type { Convention } from '../../src/validate/convention.ts';
import { stepFlops } from '../../src/validate/convention.ts';
import type { Predictor } from '../../src/validate/grade.ts';
import { interpret } from '../../src/validate/interpret.ts';
import type { Row } from '../../src/validate/row.ts';
import { ROW } from '../../src/validate/row.ts';
import { parseRows } from '../../src/validate/rows-file.ts';

export const shippedText = readFileSync(new URL('../../scenarios/validation/rows.jsonl', import.meta.url), 'utf8');
export const shippedRows = (): readonly Row[] => parseRows(shippedText, 'rows.jsonl').rows;

const clusterFolder = new URL('../../scenarios/clusters/', import.meta.url);
export const shippedClusterNames = readdirSync(clusterFolder).map((name) => name.replace('.yaml', ''));
const library: Library = {
  clusters: {
    names: shippedClusterNames,
    find: (name) => ({ file: `${name}.yaml`, text: readFileSync(new URL(`${name}.yaml`, clusterFolder), 'utf8') }),
  },
  models: { names: [], find: () => null },
  read: () => null,
};
export const shippedCluster = (name: string): Cluster => {
  const { value, complaints } = parseCluster({ file: name, text: name }, library);
  if (value === null) throw new Error(JSON.stringify(complaints));
  return value;
};

const figure = <Q extends number>(value: number): Figure<Q> => ({
  value: value as Q,
  from: 'assumed',
  source: 'a test',
});
const link: Cluster['nic'] = { bandwidth: figure(25e9), efficiency: figure(0.9), latency: figure(5e-6) };
const PEAK = 1e14;

/** A cluster of cards that multiply every format at the same rate. */
export const clusterWith = (memory: number): Cluster => ({
  name: 'plain',
  accelerator: {
    name: 'plain',
    peak: { bf16: figure(PEAK), fp16: figure(PEAK), fp8: figure(PEAK) },
    matrixEfficiency: figure(1),
    narrowEfficiency: null,
    memory: figure(memory),
    memoryBandwidth: figure(1e12),
    memoryEfficiency: figure(1),
    multiprocessors: figure(100),
    launch: figure(0),
    power: figure(400),
    kernels: null,
  },
  devicesPerNode: 8,
  cores: null,
  wake: null,
  fabric: null,
  scaleUpDomain: 8,
  scaleUp: link,
  nic: link,
  rails: figure(8),
  pcie: link,
  hostMemory: figure(1e12),
  hostMemoryBandwidth: figure(1e11),
  runtimeMemory: figure(1e9),
  ssd: { capacity: figure(1e13), bandwidth: figure(1e10) },
  price: [
    {
      kind: 'listed',
      share: ratio(1),
      hourly: { low: dollarsPerHour(1), high: dollarsPerHour(2) },
      date: '2026-01',
      region: 'nowhere',
      from: 'assumed',
      source: 'a test',
    },
  ],
  hostPower: figure(100),
  pue: figure(1.2),
  collectives: ['hierarchical', 'tree'],
  bestMfu: null,
});

export const HARDWARE: Convention = { attention: 'full', recompute: true, weightGradients: true };

/** Bytes of one card that holds its share of 18 bytes a parameter, and the framework. */
export const peakOf = ({ model, layout }: Job): number => {
  const { hidden, ffn, layers } = model;
  const ranks = layout.tp * layout.pp * (layout.zero === 3 ? layout.dp : 1);
  return (18 * layers * (4 * hidden ** 2 + 2 * hidden * ffn)) / ranks + FRAMEWORK;
};
const FRAMEWORK = 3e9;

const each = <Key extends string, Value>(keys: readonly Key[], value: Value): Record<Key, Value> =>
  Object.fromEntries(keys.map((key) => [key, value])) as Record<Key, Value>;

/** A world without communication, in which every card does its share at the peak. */
export const evaluate = (job: Job): Evaluation => {
  const work = flops(stepFlops(job, HARDWARE));
  const step = seconds(work / (PEAK * job.devices));
  const byPurpose: Record<Purpose, Bytes> = {
    ...each(PURPOSES, zeroBytes),
    weights: bytes(peakOf(job) - FRAMEWORK),
    framework: bytes(FRAMEWORK),
  };
  const terms: Record<Term, Seconds> = { ...each(TERMS, zeroSeconds), matrix: step };
  const stage = {
    stage: 0,
    layers: [job.model.layers],
    parameters: 0,
    terms,
    memory: { total: bytes(peakOf(job)), byPurpose, moment: 'always' },
    host: zeroBytes,
    copied: { hbm: zeroBytes, dram: zeroBytes },
    filledAt: zeroSeconds,
    drainsAt: step,
  };
  const sent: Record<Axis, Bytes> = each(AXES, zeroBytes);
  return { fidelity: 'bound', step, stages: [stage], hardwareFlops: work, sent, host: zeroBytes };
};

export const CAPACITY = 80e9;
export const predictor: Predictor = { clusters: () => clusterWith(CAPACITY), evaluate };
export const catalogue = { clusters: predictor.clusters, peakOf };

export const jobOf = (row: Row): Job => {
  const interpretation = interpret(row, catalogue);
  if (interpretation.kind === 'refused') throw new Error(`${row.id} is refused: ${interpretation.reason}`);
  return interpretation.job;
};

const SHAPE = {
  layers: 96,
  hidden: 12_288,
  heads: 96,
  kv_heads: 96,
  ffn: 49_152,
  gated: false,
  vocab: 51_200,
  seq: 2_048,
};
const LAYOUT = { gpus: 64, tp: 8, pp: 8, vp: 1, dp: 1, zero: 1, sp: true, gbs: 64, mbs: 1, schedule: '1f1b' };

/** GPT-3 175B on 64 cards, with what is given put in its place. */
export const gpt = (changes: Record<string, unknown> = {}, model: Record<string, unknown> = {}): Row =>
  ROW.parse({
    id: 'row',
    framework: 'Megatron-LM',
    model: { ...SHAPE, ...model },
    hw: { gpu: 'A100-SXM4-80GB', gpus_per_node: 8, inter_gbps_per_gpu: 200 },
    ...LAYOUT,
    recompute: 'full',
    precision: 'fp16',
    measured: { iter_s: 1 },
    ...changes,
  });
