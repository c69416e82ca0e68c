/** Laws of the models behind Hugging Face configs: their parameters, total and active, are those of the weights they have. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { ARCHITECTURES, CLASSES } from '../../src/scenario/hugging-face-architectures.ts';
import { modelFromHuggingFace } from '../../src/scenario/hugging-face.ts';
import type { Model } from '../../src/scenario/model.ts';
import { activeParameterCount, parameterCount, predictorParameterCount } from '../../src/scenario/parameters.ts';
import { anyConfig } from './hugging-face-configs.ts';
import type { Config } from './hugging-face-weights.ts';
import { countActiveWeights, countWeights, FAMILIES } from './hugging-face-weights.ts';

const read = (config: Config) => modelFromHuggingFace({ file: 'config.json', text: JSON.stringify(config, null, 1) });
const modelOf = (config: Config): Model => {
  const reading = read(config);
  if (reading.kind === 'complaints') throw new Error(reading.complaints.map(printComplaint).join('\n'));
  return reading.model;
};
const said = (config: Config): readonly string[] => {
  const reading = read(config);
  return reading.kind === 'complaints' ? reading.complaints.map(printComplaint) : [];
};

type Sizes = readonly [layers: number, hidden: number, heads: number, groups: number, ffn: number, vocabulary: number];
const like = (model_type: string, sizes: Sizes, more: Config = {}): Config => ({
  model_type,
  num_hidden_layers: sizes[0],
  hidden_size: sizes[1],
  num_attention_heads: sizes[2],
  num_key_value_heads: sizes[3],
  intermediate_size: sizes[4],
  vocab_size: sizes[5],
  ...more,
});

const TIED = { tie_word_embeddings: true };
const deepseekV3 = like('deepseek_v3', [61, 7168, 128, 128, 18432, 129280], { num_nextn_predict_layers: 1 });
const hunyuanLarge = like('hunyuan', [64, 6400, 80, 8, 18304, 129024], {
  ...TIED,
  num_experts: 16,
  moe_topk: 1,
  num_shared_expert: 1,
  use_mixed_mlp_moe: true,
  use_qk_norm: true,
  use_cla: true,
  cla_share_factor: 2,
});
const everyLayer = (value: number): readonly number[] => Array.from({ length: 32 }, () => value);

/** Released models, what of their config matters, and the exact parameters of their weights. */
const RELEASED: Readonly<Record<string, readonly [Config, number]>> = {
  'Mixtral-8x7B': [like('mixtral', [32, 4096, 32, 8, 14336, 32000]), 46_702_792_704],
  'Mixtral-8x22B': [like('mixtral', [56, 6144, 48, 8, 16384, 32000]), 140_620_634_112],
  'Mixtral-8x22B-v0.3': [like('mixtral', [56, 6144, 48, 8, 16384, 32768]), 140_630_071_296],
  'Phi-3.5-MoE': [
    like('phimoe', [32, 4096, 32, 8, 6400, 32064], { attention_bias: true, lm_head_bias: true }),
    41_873_153_344,
  ],
  'Qwen1.5-MoE-A2.7B': [like('qwen2_moe', [24, 2048, 16, 16, 5632, 151936]), 14_315_784_192],
  'Qwen3-0.6B': [like('qwen3', [28, 1024, 16, 8, 3072, 151936], TIED), 596_049_920],
  'Qwen3-8B': [like('qwen3', [36, 4096, 32, 8, 12288, 151936]), 8_190_735_360],
  'Qwen3-32B': [like('qwen3', [64, 5120, 64, 8, 25600, 151936]), 32_762_123_264],
  'Qwen3-30B-A3B': [like('qwen3_moe', [48, 2048, 32, 4, 6144, 151936], { head_dim: 128 }), 30_532_122_624],
  'Qwen3-235B-A22B': [
    like('qwen3_moe', [94, 4096, 64, 4, 12288, 151936], { head_dim: 128, moe_intermediate_size: 1536 }),
    235_093_634_560,
  ],
  'DeepSeek-V2': [
    like('deepseek_v2', [60, 5120, 128, 128, 12288, 102400], {
      n_routed_experts: 160,
      num_experts_per_tok: 6,
      moe_intermediate_size: 1536,
      first_k_dense_replace: 1,
    }),
    235_741_434_880,
  ],
  'DeepSeek-V2-Lite': [
    like('deepseek_v2', [27, 2048, 16, 16, 10944, 102400], {
      q_lora_rank: null,
      num_experts_per_tok: 6,
      moe_intermediate_size: 1408,
      first_k_dense_replace: 1,
    }),
    15_706_484_224,
  ],
  'DeepSeek-V3': [deepseekV3, 671_026_419_200],
  'gpt-oss-20b': [like('gpt_oss', [24, 2880, 64, 8, 2880, 201088], { num_local_experts: 32 }), 20_914_757_184],
  'gpt-oss-120b': [like('gpt_oss', [36, 2880, 64, 8, 2880, 201088]), 116_829_156_672],
  'gemma-2b': [like('gemma', [18, 2048, 8, 1, 16384, 256000]), 2_506_172_416],
  'gemma-2-9b': [like('gemma2', [42, 3584, 16, 8, 14336, 256000]), 9_241_705_984],
  'gemma-2-27b': [like('gemma2', [46, 4608, 32, 16, 36864, 256000], { head_dim: 128 }), 27_227_128_320],
  'gemma-3-1b': [like('gemma3_text', [26, 1152, 4, 1, 6912, 262144], { sliding_window: 512 }), 999_885_952],
  'Phi-3-mini': [like('phi3', [32, 3072, 32, 32, 8192, 32064], { sliding_window: 2047 }), 3_821_079_552],
  'phi-4': [like('phi3', [40, 5120, 40, 10, 17920, 100352]), 14_659_507_200],
  'OLMo-2-13B': [like('olmo2', [40, 5120, 40, 40, 13824, 100352]), 13_716_198_400],
  'Hunyuan-A13B': [
    like('hunyuan_v1_moe', [32, 4096, 32, 8, 3072, 128167], {
      ...TIED,
      head_dim: 128,
      num_experts: 64,
      moe_topk: everyLayer(8),
      moe_intermediate_size: everyLayer(3072),
      num_shared_expert: everyLayer(1),
      use_mixed_mlp_moe: true,
    }),
    80_393_183_232,
  ],
};

test('a released model has exactly the parameters of its weights', () => {
  for (const [name, [config, parameters]] of Object.entries(RELEASED))
    expect([name, parameterCount(modelOf(config))]).toEqual([name, parameters]);
});

test('as many parameters are active as was published', () => {
  const billions = (config: Config): number => activeParameterCount(modelOf(config)) / 1e9;
  const published: Readonly<Record<string, number>> = {
    'Mixtral-8x7B': 12.9,
    'Mixtral-8x22B': 39.1,
    'Phi-3.5-MoE': 6.6,
    'Qwen1.5-MoE-A2.7B': 2.7,
    'Qwen3-30B-A3B': 3.35,
    'Qwen3-235B-A22B': 22.2,
    'DeepSeek-V2': 21.4,
    'DeepSeek-V3': 37.6,
    'Hunyuan-A13B': 12.7,
  };
  for (const [name, count] of Object.entries(published))
    expect([name, Math.abs(billions(RELEASED[name]?.[0] ?? {}) - count) < 0.06]).toEqual([name, true]);
  // OpenAI counts what is multiplied: the table is looked up.
  const table = (201_088 * 2880) / 1e9;
  expect(billions(RELEASED['gpt-oss-20b']?.[0] ?? {}) - table).toBeCloseTo(3.61, 2);
  expect(billions(RELEASED['gpt-oss-120b']?.[0] ?? {}) - table).toBeCloseTo(5.13, 2);
  expect(parameterCount(modelOf(hunyuanLarge)) / 1e9).toBeCloseTo(388.7, 1);
  expect(billions(hunyuanLarge)).toBeCloseTo(51.3, 1);
});

/** The released file has 684,489,845,504 weights: the module's own, and copies of the embedding and the head. */
test('what predicts a token further is counted apart, and shares embedding and head', () => {
  const model = modelOf(deepseekV3);
  const file = parameterCount(model) + predictorParameterCount(model) + 2 * model.vocabulary * model.hidden;
  expect([model.predictors, file]).toEqual([1, 684_489_845_504]);
  expect(predictorParameterCount(modelOf({ ...deepseekV3, num_nextn_predict_layers: 2 }))).toBe(
    2 * predictorParameterCount(model),
  );
  expect(predictorParameterCount(modelOf({ ...deepseekV3, num_nextn_predict_layers: 0 }))).toBe(0);
});

test.each(Object.keys(FAMILIES))('%s: total and active parameters are those of the weights, for any config', (type) => {
  fc.assert(
    fc.property(anyConfig(type), (drawn) => {
      const model = modelOf(drawn);
      expect(parameterCount(model)).toBe(countWeights(drawn));
      expect(activeParameterCount(model)).toBe(countActiveWeights(drawn));
    }),
    { numRuns: 60 },
  );
});

test('a mixture has more parameters than are active, and what all its tokens meet is active', () => {
  for (const [settings] of Object.values(RELEASED)) {
    const model = modelOf(settings);
    const isMixture = model.experts !== null;
    expect([model.name, activeParameterCount(model) < parameterCount(model)]).toEqual([model.name, isMixture]);
    if (model.experts !== null)
      expect(activeParameterCount({ ...model, experts: { ...model.experts, active: model.experts.count } })).toBe(
        parameterCount(model),
      );
  }
});

const windowsOf = (settings: Config): string =>
  modelOf(settings)
    .window?.layers.map((isWindowed) => (isWindowed ? 'w' : '.'))
    .join('') ?? 'none';

test('which layers look back over a window is as the class decides, or as the file lists them', () => {
  const sizes: Sizes = [8, 64, 4, 2, 128, 100];
  const used = { use_sliding_window: true };
  expect(windowsOf(like('mistral', sizes))).toBe('wwwwwwww');
  expect(modelOf(like('mistral', sizes)).window?.size).toBe(4096);
  expect(windowsOf(like('mistral', sizes, { sliding_window: null }))).toBe('none');
  expect(windowsOf(like('mixtral', sizes))).toBe('none');
  expect(windowsOf(like('mixtral', sizes, { sliding_window: 7 }))).toBe('wwwwwwww');
  expect(windowsOf(like('qwen2', sizes, { sliding_window: 7 }))).toBe('none');
  expect(windowsOf(like('qwen2', sizes, { ...used, max_window_layers: 3 }))).toBe('...wwwww');
  expect(windowsOf(like('qwen3', sizes, { ...used, max_window_layers: 8 }))).toBe('none');
  expect(windowsOf(like('qwen3_moe', sizes, used))).toBe('wwwwwwww');
  expect(windowsOf(like('gemma2', sizes))).toBe('w.w.w.w.');
  expect(windowsOf(like('gemma3_text', sizes))).toBe('wwwww.ww');
  expect(windowsOf(like('gemma3_text', sizes, { sliding_window_pattern: 3 }))).toBe('ww.ww.ww');
  expect(windowsOf(like('gemma3_text', sizes, { _sliding_window_pattern: 2 }))).toBe('w.w.w.w.');
  expect(windowsOf(like('gpt_oss', sizes))).toBe('w.w.w.w.');
  const types = 'fwwffwww'.split('').map((kind) => (kind === 'f' ? 'full_attention' : 'sliding_attention'));
  expect(windowsOf(like('gemma2', sizes, { layer_types: types }))).toBe('.ww..www');
  expect(said(like('gemma2', sizes, { layer_types: types.slice(1) }))).toEqual([
    'config.json:9:17 layer_types: lists 7 layers; there are 8',
  ]);
  expect(said(like('gemma2', sizes, { layer_types: ['chunked_attention'] }))[0]).toMatch(
    /chunked_attention is not one of/u,
  );
});

test('the language model within what reads images too is read, with what its class takes for the rest', () => {
  const text = { hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34, sliding_window: 1024 };
  const gemma = { model_type: 'gemma3', vision_config: {}, text_config: { ...text, model_type: 'gemma3_text' } };
  // The 4,300,079,472 of gemma-3-4b without its vision tower and projector.
  expect(parameterCount(modelOf(gemma))).toBe(4_300_079_472 - 416_866_032 - 2_950_272);
  expect(modelOf(gemma).notes).toEqual([expect.stringMatching(/reads images is not counted/u)]);
  const { model_type: _, ...nameless } = gemma.text_config;
  const byClass = { architectures: ['Gemma3ForConditionalGeneration'], text_config: nameless };
  expect(parameterCount(modelOf(byClass))).toBe(parameterCount(modelOf(gemma)));
  expect(said({ model_type: 'mistral3' })).toEqual([
    "config.json:1:1 mistral3 has no text_config: wanted its language model's settings",
  ]);
  expect(said({ model_type: 'mistral3', text_config: { model_type: 'mistral', head_dim: -1 } })[0]).toMatch(
    /text_config\.head_dim: -1 is not a whole number/u,
  );
  expect(said({ model_type: 'llama4', text_config: {}, vision_config: { depth: 1 } })[0]).toMatch(
    /llama4 is not an architecture known here .*, with images or sound beside text \(vision_config\)/u,
  );
});

test('every class that is known is of an architecture that is known, and reads like it', () => {
  for (const [className, name] of CLASSES) expect([className, ARCHITECTURES.has(name)]).toEqual([className, true]);
  for (const [settings] of Object.values(RELEASED)) {
    const { model_type: type, ...rest } = settings;
    const classNames = [...CLASSES].flatMap(([className, name]) => (name === type ? [className] : []));
    expect(classNames.length).toBeGreaterThan(0);
    for (const className of classNames)
      expect(modelOf({ ...rest, architectures: [className] })).toEqual(modelOf(settings));
  }
});

test('a count of experts may stand under either of its names', () => {
  const [config8] = RELEASED['Mixtral-8x7B'] ?? [{}];
  expect(modelOf({ ...config8, num_experts: 4 }).experts?.count).toBe(4);
  expect(modelOf({ ...config8, num_experts: 4, num_local_experts: 6 }).experts?.count).toBe(6);
  const qwen = RELEASED['Qwen3-30B-A3B']?.[0] ?? {};
  expect(modelOf({ ...qwen, num_local_experts: 64 }).experts?.count).toBe(64);
});

test('what a config cannot be is complained of where it is written', () => {
  const mixtral = RELEASED['Mixtral-8x7B']?.[0] ?? {};
  expect(said({ ...mixtral, num_experts_per_tok: 9 })).toEqual([
    'config.json:9:25 num_experts_per_tok: 9 active experts are more than the 8 there are (did you mean 8?)',
  ]);
  expect(said({ ...hunyuanLarge, num_experts: [16, 8] })[0]).toMatch(
    /num_experts: .*layers that differ are not known/u,
  );
  expect(said({ ...hunyuanLarge, use_mla: true, kv_lora_rank: 512 })[0]).toMatch(/use_mla: true is not false/u);
  expect(modelOf({ ...hunyuanLarge, use_mla: false, kv_lora_rank: 512 })).toEqual(modelOf(hunyuanLarge));
  expect(said(like('llama', [8, 64, 4, 2, 128, 100], { num_experts: 4 }))[0]).toMatch(
    /llama is not all of it; missing is mixture of experts \(num_experts\)/u,
  );
});
