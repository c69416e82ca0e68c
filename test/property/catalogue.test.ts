/** Laws of what ships in `scenarios/` and `schemas/`: all of it is right, sourced, and the same as what the parser believes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Cluster } from '../../src/scenario/cluster.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import type { Entry } from '../../src/scenario/entries.ts';
import { parseCluster, parseModel } from '../../src/scenario/entries.ts';
import type { Model } from '../../src/scenario/model.ts';
import { parameterCount } from '../../src/scenario/parameters.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { scenarioSchemas } from '../../src/scenario/schemas.ts';
import { libraryWith, nameOf, scenarioOf, shipped } from './scenario-fixtures.ts';

const library = libraryWith();

const valueOf = <Value>({ value, complaints }: Entry<Value>): Value => {
  if (value === null) throw new Error(complaints.map(printComplaint).join('\n'));
  expect(complaints).toEqual([]);
  return value;
};
const model = (name: string): Model => valueOf(parseModel({ file: 'test', text: name }, library));
const cluster = (name: string): Cluster => valueOf(parseCluster({ file: 'test', text: name }, library));
const named = (folder: 'models' | 'clusters'): readonly string[] => shipped(folder).map(nameOf);

test('every model and cluster is right, and is called what its file is called', () => {
  for (const name of named('models')) expect(model(name).name).toBe(name);
  for (const name of named('clusters')) expect(cluster(name).name).toBe(name);
});

test('every run is right, and opens with its question and what to look at', () => {
  for (const source of shipped('runs')) {
    const parsed = parseScenario(source, library);
    if (parsed.kind === 'complaints') throw new Error(parsed.complaints.map(printComplaint).join('\n'));
    expect(parsed.scenario.title).toMatch(/\?$/u);
    expect(source.text).toMatch(/^# Look at: /mu);
    expect(Object.isFrozen(parsed.scenario.cluster.accelerator.peak)).toBe(true);
  }
});

test('the catalogue has the clusters and models that the documents call by name', () => {
  const clusters =
    'dgx-a100-40g dgx-a100-80g dgx-h100 h100-sxm h800-hcc dgx-b200 gb200-nvl72 dgx2-v100 v100-sxm2 a100-pcie a800-sxm ' +
    'h100-96g h200-sxm dgx-h200 gh200 dgx-b300 gb300-nvl72 mi300x mi355x ascend-910b ascend-910c tpu-v4 tpu-v5e tpu-v5p tpu-v6e h20 ' +
    'rtx-4090 l40s h100-pcie mi325x';
  const models =
    'gpt-13b gpt3-125m gpt3-350m gpt3-760m gpt3-1.3b gpt3-2.7b gpt3-6.7b gpt3-13b gpt3-175b megatron-22b megatron-175b ' +
    'megatron-530b megatron-1t llama-2-7b llama-2-13b llama-2-70b llama-3-8b llama-3-70b llama-3.1-8b llama-3.1-70b llama-3.1-405b ' +
    'mixtral-8x7b mixtral-8x22b qwen3-0.6b qwen3-1.7b qwen3-4b qwen3-8b qwen3-14b qwen3-32b qwen3-30b-a3b qwen3-235b-a22b ' +
    'deepseek-v2 deepseek-v2-lite deepseek-v3 kimi-k2 nemotron-4-15b nemotron-4-340b grok-1 gpt-oss-20b gpt-oss-120b ' +
    'hunyuan-large gemma-2-9b gemma-2-27b phi-3-mini angel-1b angel-10b angel-100b angel-1t angel-1t-moe';
  expect(named('clusters')).toEqual(expect.arrayContaining(clusters.split(' ')));
  expect(named('models')).toEqual(expect.arrayContaining(models.split(' ')));
  expect(cluster('h100-sxm')).toEqual({ ...cluster('dgx-h100'), name: 'h100-sxm' });
  expect(model('gpt-13b')).toEqual({ ...model('gpt3-13b'), name: 'gpt-13b' });
});

test('a model that is named for its size has that many parameters, within 7%', () => {
  const units: Readonly<Record<string, number>> = { m: 1e6, b: 1e9, t: 1e12 };
  const sized = named('models').flatMap((name) => {
    const [, digits = '', unit = ''] = /-([\d.]+)([mbt])(?:-|$)/u.exec(name) ?? [];
    return unit === '' ? [] : [{ name, size: Number(digits) * (units[unit] ?? Number.NaN) }];
  });
  expect(sized.length).toBeGreaterThan(40);
  for (const { name, size } of sized)
    expect([name, Math.abs(parameterCount(model(name)) / size - 1) < 0.07]).toEqual([name, true]);
});

test('Llama models have exactly the parameters of the released weights', () => {
  const published = {
    'llama-2-7b': 6_738_415_616,
    'llama-2-13b': 13_015_864_320,
    'llama-2-70b': 68_976_648_192,
    'llama-3-8b': 8_030_261_248,
    'llama-3.1-70b': 70_553_706_496,
    'llama-3.1-405b': 405_853_388_800,
  };
  for (const [name, parameters] of Object.entries(published)) expect(parameterCount(model(name))).toBe(parameters);
});

interface Sourced {
  readonly from: string;
  readonly source: string;
}
const figuresIn = (value: unknown): readonly Sourced[] => {
  if (typeof value !== 'object' || value === null) return [];
  if ('from' in value && 'source' in value) return [{ from: String(value.from), source: String(value.source) }];
  return Object.values(value).flatMap(figuresIn);
};

test('every figure of a shipped cluster names its source', () => {
  for (const name of named('clusters').filter((entry) => entry !== 'example')) {
    const figures = figuresIn(cluster(name));
    expect(figures.length).toBeGreaterThanOrEqual(24);
    expect(figures.filter(({ source }) => source === 'given in the scenario')).toEqual([]);
  }
});

test('figures that users will check first are those of the datasheets', () => {
  const { accelerator, scaleUp, nic, devicesPerNode } = cluster('dgx-h100');
  expect(accelerator.peak.bf16?.value).toBe(989.4e12);
  expect(accelerator.memoryBandwidth.value).toBe(3.35e12);
  expect([scaleUp.bandwidth.value, nic.bandwidth.value, devicesPerNode]).toEqual([450e9, 50e9, 8]);
  expect(cluster('dgx-a100-80g').nic.bandwidth.value).toBe(25e9);
  expect(cluster('dgx-a100-80g').accelerator.memory.value).toBe(80 * 2 ** 30);
  expect(cluster('h800-hcc').nic.bandwidth.value * 8 * 8).toBe(3.2e12);
  for (const rack of ['gb200-nvl72', 'gb300-nvl72']) expect(cluster(rack).scaleUpDomain).toBe(72);
  expect(cluster('rtx-4090').accelerator.peak.bf16?.value).toBe(165.2e12);
  expect(cluster('l40s').accelerator.peak.bf16?.value).toBe(362.05e12);
  for (const name of ['rtx-4090', 'l40s', 'a100-pcie', 'h100-pcie'])
    expect(cluster(name).scaleUp.bandwidth.value).toBe(cluster(name).pcie.bandwidth.value);
  expect(cluster('v100-sxm2').accelerator.peak.bf16).toBeUndefined();
});

test('no accelerator promises more than its peak, no link more than its bandwidth, and no best run more than its card', () => {
  for (const name of named('clusters')) {
    const { accelerator, scaleUp, nic, pcie, bestMfu } = cluster(name);
    const shares = [
      accelerator.matrixEfficiency,
      accelerator.memoryEfficiency,
      scaleUp.efficiency,
      nic.efficiency,
      pcie.efficiency,
    ];
    for (const share of shares) expect(share.value).toBeLessThanOrEqual(1);
    expect(bestMfu?.value ?? 0).toBeLessThan(accelerator.matrixEfficiency.value);
  }
});

test('the run of Korthikanti et al. is the one of the paper', () => {
  const source = shipped('runs').find((run) => nameOf(run) === 'megatron-175b-korthikanti');
  const { layout, workload, model: asked } = scenarioOf(source?.text ?? '');
  expect(layout).toMatchObject({ tp: [8], pp: [8], vp: [3], microbatch: [1], sequenceParallel: [true] });
  expect([workload.globalBatch, asked.layers, asked.hidden, asked.vocabulary]).toEqual([64, 96, 12288, 51200]);
});

const schemaText = (file: string): string => readFileSync(new URL(`../../schemas/${file}`, import.meta.url), 'utf8');

test('the shipped JSON Schemas are those of the parser', async () => {
  for (const [file, schema] of Object.entries(scenarioSchemas()))
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(`../../schemas/${file}`);
});

test('every shipped file satisfies the JSON Schema that its first line names, and a slip in it does not', () => {
  for (const source of [...shipped('models'), ...shipped('clusters'), ...shipped('runs')]) {
    const [, file = ''] = /^# yaml-language-server: \$schema=\.\.\/\.\.\/schemas\/(\S+)\n/u.exec(source.text) ?? [];
    const schema = z.fromJSONSchema(JSON.parse(schemaText(file)));
    const value: unknown = parse(source.text);
    expect([source.file, schema.safeParse(value).error?.issues]).toEqual([source.file, undefined]);
    expect(schema.safeParse({ ...(value as object), slip: 1 }).success).toBe(false);
  }
});
