/** Laws of the shipped models and of what training them takes by definition. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { modelFlops } from '../../src/model/flops.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import type { Unit } from '../../src/model/unit.ts';
import { EMBEDDING, HEAD, layerUnit, parametersOf } from '../../src/model/unit.ts';
import { parseModel } from '../../src/scenario/entries.ts';
import { modelFromHuggingFace } from '../../src/scenario/hugging-face.ts';
import { kindCounts, layerKinds, predictorKind } from '../../src/scenario/layer-kind.ts';
import type { Model } from '../../src/scenario/model.ts';
import {
  activeParameterCount,
  expertParameterCount,
  layerParameterCount,
  parameterCount,
  predictorParameterCount,
} from '../../src/scenario/parameters.ts';
import type { Config } from './hugging-face-weights.ts';
import { activeWeightsOf, FAMILIES } from './hugging-face-weights.ts';
import { anyConfig } from './hugging-face-configs.ts';
import { libraryWith, nameOf, shipped } from './scenario-fixtures.ts';

const library = libraryWith();
const model = (name: string): Model => {
  const { value } = parseModel({ file: 'test', text: name }, library);
  if (value === null) throw new Error(`${name} is not right`);
  return value;
};
const configured = (config: Config): Model => {
  const reading = modelFromHuggingFace({ file: 'config.json', text: JSON.stringify(config) });
  if (reading.kind === 'complaints') throw new Error('the config is not right');
  return reading.model;
};
const all = shipped('models')
  .map(nameOf)
  .map((name) => model(name));

/** Of the released weights; of those that were not released, as the published shape has them. */
const TOTALS: Readonly<Record<string, number>> = {
  // Of four layers 128 wide: 12 h^2 + 13 h each, with the tables of 256 words and positions and a last norm.
  'tiny-gpt': 4 * (12 * 128 ** 2 + 13 * 128) + 2 * 256 * 128 + 2 * 128,
  // Grouped queries, three matrices of 128 x 352, two norms; untied tables and a last norm.
  'tiny-llama': 4 * (128 * (128 + 2 * 64) + 128 ** 2 + 3 * 128 * 352 + 2 * 128) + 2 * 256 * 128 + 128,
  // The same attention; one dense layer, three of a router, four experts and a shared one, each 176 wide.
  'tiny-moe':
    4 * (128 * (128 + 2 * 64) + 128 ** 2 + 2 * 128) +
    3 * 128 * 352 +
    3 * (4 * 128 + (4 + 1) * 3 * 128 * 176) +
    2 * 256 * 128 +
    128,
  'mixtral-8x7b': 46_702_792_704,
  'mixtral-8x22b': 140_620_634_112,
  'qwen3-0.6b': 596_049_920,
  'qwen3-1.7b': 1_720_574_976,
  'qwen3-4b': 4_022_468_096,
  'qwen3-8b': 8_190_735_360,
  'qwen3-14b': 14_768_307_200,
  'qwen3-32b': 32_762_123_264,
  'qwen3-30b-a3b': 30_532_122_624,
  'qwen3-235b-a22b': 235_093_634_560,
  'deepseek-v2': 235_741_434_880,
  'deepseek-v2-lite': 15_706_484_224,
  'deepseek-v3': 671_026_419_200,
  'kimi-k2': 1_026_408_232_448,
  'gpt-oss-20b': 20_914_757_184,
  'gpt-oss-120b': 116_829_156_672,
  'gemma-2-9b': 9_241_705_984,
  'gemma-2-27b': 27_227_128_320,
  'phi-3-mini': 3_821_079_552,
};
/** Billions, as their publishers round them. */
const ROUNDED: Readonly<Record<string, readonly [total: number, active: number]>> = {
  'grok-1': [315.7, 83.8],
  'hunyuan-large': [388.7, 51.3],
  'nemotron-4-15b': [15.6, 15.6],
  'nemotron-4-340b': [341.0, 341.0],
  'kimi-k2': [1026.4, 32.9],
  'deepseek-v3': [671.0, 37.6],
};

test('shipped models have the parameters of the released weights', () => {
  for (const [name, parameters] of Object.entries(TOTALS))
    expect([name, parameterCount(model(name))]).toEqual([name, parameters]);
  for (const [name, [total, active]] of Object.entries(ROUNDED)) {
    expect([name, (parameterCount(model(name)) / 1e9).toFixed(1)]).toEqual([name, total.toFixed(1)]);
    expect([name, (activeParameterCount(model(name)) / 1e9).toFixed(1)]).toEqual([name, active.toFixed(1)]);
  }
});

test('a model whose name does not say its size has its parameters checked here', () => {
  const checked = new Set([...Object.keys(TOTALS), ...Object.keys(ROUNDED), 'example']);
  const unsized = all.map(({ name }) => name).filter((name) => !/-[\d.]+[mbt](?:-|$)/u.test(name));
  expect(unsized.filter((name) => !checked.has(name))).toEqual([]);
});

test('a model named for its active parameters has about as many', () => {
  const named = all.flatMap((one) => {
    const [, billions] = /-a(\d+)b$/u.exec(one.name) ?? [];
    return billions === undefined ? [] : [{ one, billions: Number(billions) }];
  });
  expect(named.length).toBeGreaterThan(1);
  for (const { one, billions } of named)
    expect(Math.abs(activeParameterCount(one) / 1e9 - billions)).toBeLessThan(0.15 * billions);
});

test('the parts of a model add up: the layers of each kind, their experts, and the rest', () => {
  for (const one of all) {
    const layers = layerKinds(one).reduce((total, kind) => total + layerParameterCount(one, kind), 0);
    const tables = (one.vocabulary * (one.tied ? 1 : 2) + one.positions) * one.hidden;
    const norms = (one.norm === 'layernorm' ? 2 : 1) * (one.embeddingNorm ? 2 : 1) * one.hidden;
    expect([one.name, layers + tables + norms]).toEqual([one.name, parameterCount(one)]);
    expect([...kindCounts(one).values()].reduce((total, count) => total + count, 0)).toBe(one.layers);
    const { experts } = one;
    const idle = experts === null ? 0 : (expertParameterCount(one) / experts.count) * (experts.count - experts.active);
    expect([one.name, activeParameterCount(one) + idle]).toEqual([one.name, parameterCount(one)]);
  }
});

const held = (units: readonly Unit[], one: Model): readonly [shared: number, experts: number] => {
  const split = { tp: 1, ep: 1, etp: 1, isSplit: false };
  const parameters = units.map((unit) => parametersOf(unit, one, split));
  const count = (part: readonly Parameter[]): number => part.reduce((total, { elements }) => total + elements, 0);
  const besides = parameters.flatMap(({ shared, table }) => [...shared, ...table]);
  return [count(besides), count(parameters.flatMap(({ experts }) => experts))];
};

test.each(Object.keys(FAMILIES))('%s: the units of a model hold its parameters, and its experts theirs', (type) => {
  fc.assert(
    fc.property(anyConfig(type), fc.integer({ min: 0, max: 2 }), (config, predictors) => {
      const one: Model = { ...configured(config), predictors, vocabulary: 8 };
      const [shared, experts] = held([EMBEDDING, ...layerKinds(one).map(layerUnit), HEAD], one);
      expect([shared + experts, experts]).toEqual([parameterCount(one), expertParameterCount(one)]);
      const predictor: Unit = { kind: 'predictor', name: 'predictor', layer: predictorKind(one) };
      const [own, routed] = held([predictor], one);
      expect(predictors * (own + routed)).toBe(predictorParameterCount(one));
    }),
    { numRuns: 40 },
  );
});

test('a layer that predicts further is like the last, with keys of its own', () => {
  const sharing: Model = { ...model('hunyuan-large'), predictors: 1 };
  expect(layerKinds(sharing).at(-1)?.ownsKeys).toBe(false);
  expect(predictorKind(sharing)).toEqual({ ...layerKinds(sharing).at(-1), name: 'layer of experts', ownsKeys: true });
});

/** Six for each weight in a matrix that a token meets, the head's among them when it is the table. */
const productsOf = (config: Config): number => {
  const matrices = activeWeightsOf(config).filter(({ shape }) => shape.length === 2);
  return matrices.reduce((total, { name, shape: [rows = 0, columns = 0] }) => {
    const isLookup = name === 'embed_tokens.weight' && config['tie_word_embeddings'] !== true;
    return total + (isLookup ? 0 : 6 * rows * columns);
  }, 0);
};

test.each(Object.keys(FAMILIES))('%s: a token takes six FLOPs a weight that it meets in a matrix', (type) => {
  fc.assert(
    fc.property(anyConfig(type), (config) => {
      const { heads, headDim, latent, window, layers } = configured(config);
      const [one, two] = [1, 2].map((sequence) => modelFlops(configured(config), sequence, 'full'));
      // Scores grow with the square of the sequence (or not at all behind a window of one), products with the sequence.
      const width = latent === null ? 2 * headDim : latent.plainDim + latent.ropeDim + headDim;
      const scores = 6 * heads * width * layers;
      expect(one).toBe(productsOf(config) + scores);
      if (window === null) expect(two).toBe(2 * productsOf(config) + 4 * scores);
    }),
    { numRuns: 40 },
  );
});

test('behind a window a query meets as many keys as it sees', () => {
  const windowed = (size: number): Model => ({ ...model('llama-3-8b'), window: { size, layers: all32(true) } });
  const all32 = (holds: boolean): readonly boolean[] => Array.from({ length: 32 }, () => holds);
  const scores = (one: Model, sequence: number, attention: 'full' | 'causal'): number =>
    modelFlops(one, sequence, attention) - 6 * sequence * (parameterCount(one) - lookedUp);
  const { vocabulary, hidden, heads, headDim, layers } = model('llama-3-8b');
  const lookedUp = vocabulary * hidden + (2 * layers + 1) * hidden;
  const each = 12 * heads * headDim * layers;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (sequence, size) => {
      const seen = Array.from({ length: sequence }, (_, index) => Math.min(index + 1, size));
      const causal = seen.reduce((total, keys) => total + keys, 0);
      expect(scores(windowed(size), sequence, 'causal') / each).toBeCloseTo(causal, 6);
      expect(scores(windowed(size), sequence, 'full') / each).toBeCloseTo(sequence * Math.min(sequence, size), 6);
    }),
  );
});

test('a window wider than the sequence, or one that no layer has, changes nothing', () => {
  const plain = model('llama-3-8b');
  const none = Array.from({ length: plain.layers }, () => false);
  for (const attention of ['full', 'causal', 'none'] as const) {
    const wanted = modelFlops(plain, 4096, attention);
    expect(modelFlops({ ...plain, window: { size: 4096, layers: none.map(() => true) } }, 4096, attention)).toBe(
      wanted,
    );
    expect(modelFlops({ ...plain, window: { size: 1, layers: none } }, 4096, attention)).toBe(wanted);
  }
});

test('a predictor takes its layer, its projection and the head once more', () => {
  const one = model('deepseek-v3');
  const without: Model = { ...one, predictors: 0 };
  const { hidden, vocabulary, layers, experts } = one;
  const oneLayerLess: Model = {
    ...without,
    layers: layers - 1,
    experts: experts === null ? null : { ...experts, layers: experts.layers.slice(1 - layers) },
  };
  const shortened: Model = { ...oneLayerLess, layers: layers - 2, experts: dropLast(oneLayerLess.experts) };
  for (const attention of ['full', 'causal'] as const) {
    const layer = modelFlops(oneLayerLess, 1024, attention) - modelFlops(shortened, 1024, attention);
    const extra = layer + 6 * 1024 * (2 * hidden * hidden + hidden * vocabulary);
    expect(modelFlops(one, 1024, attention) - modelFlops(without, 1024, attention)).toBe(extra);
  }
});
const dropLast = (experts: Model['experts']): Model['experts'] =>
  experts === null ? null : { ...experts, layers: experts.layers.slice(0, -1) };

test('6 N D counts the parameters that a token goes through', () => {
  for (const one of all) {
    const count = activeParameterCount(one) + predictorParameterCount(one, 'active');
    expect(modelFlops(one, 100, 'none')).toBe(600 * count);
  }
});
