/** Laws of reading Hugging Face configs: the parameters are those that were published, and what is not known is refused. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { modelFromHuggingFace } from '../../src/scenario/hugging-face.ts';
import { jsonFault } from '../../src/scenario/json-fault.ts';
import type { Model } from '../../src/scenario/model.ts';
import { parameterCount } from '../../src/scenario/parameters.ts';
import { libraryWith, printed, RIGHT, scenarioOf } from './scenario-fixtures.ts';

type Config = Readonly<Record<string, unknown>>;

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

const gpt2 = (n_layer: number, n_embd: number, n_head: number): Config => ({
  model_type: 'gpt2',
  n_layer,
  n_embd,
  n_head,
  n_positions: 1024,
  vocab_size: 50257,
});
const like = (
  model_type: string,
  shape: readonly [layers: number, hidden: number, heads: number, groups: number, ffn: number, vocabulary: number],
  more: Config = {},
): Config => {
  const [num_hidden_layers, hidden_size, num_attention_heads, num_key_value_heads, intermediate_size, vocab_size] =
    shape;
  const dimensions = {
    num_hidden_layers,
    hidden_size,
    num_attention_heads,
    num_key_value_heads,
    intermediate_size,
    vocab_size,
  };
  return { model_type, ...dimensions, ...more };
};
const neox = (layers: number, hidden: number, heads: number, vocabulary: number): Config => {
  const { num_key_value_heads: _, ...config } = like('gpt_neox', [
    layers,
    hidden,
    heads,
    heads,
    4 * hidden,
    vocabulary,
  ]);
  return config;
};

/** Shapes and exact counts as their publishers give them. */
const PUBLISHED: Readonly<Record<string, readonly [Config, number]>> = {
  gpt2: [gpt2(12, 768, 12), 124_439_808],
  'gpt2-xl': [gpt2(48, 1600, 25), 1_557_611_200],
  'Llama-2-7b': [like('llama', [32, 4096, 32, 32, 11008, 32000]), 6_738_415_616],
  'Llama-2-70b': [like('llama', [80, 8192, 64, 8, 28672, 32000]), 68_976_648_192],
  'Llama-3-8B': [like('llama', [32, 4096, 32, 8, 14336, 128256]), 8_030_261_248],
  'Llama-3.1-70B': [like('llama', [80, 8192, 64, 8, 28672, 128256]), 70_553_706_496],
  'Llama-3.1-405B': [like('llama', [126, 16384, 128, 8, 53248, 128256]), 405_853_388_800],
  'Mistral-7B-v0.1': [like('mistral', [32, 4096, 32, 8, 14336, 32000]), 7_241_732_096],
  'Qwen2-7B': [like('qwen2', [28, 3584, 28, 4, 18944, 152064]), 7_615_616_512],
  'Qwen2.5-0.5B': [like('qwen2', [24, 896, 14, 2, 4864, 151936], { tie_word_embeddings: true }), 494_032_768],
  'pythia-1b': [neox(16, 2048, 8, 50304), 1_011_781_632],
  'pythia-12b': [neox(36, 5120, 40, 50688), 11_846_072_320],
  'gpt-neox-20b': [neox(44, 6144, 64, 50432), 20_554_567_680],
};

test('a published model has exactly the parameters that were published', () => {
  for (const [name, [config, parameters]] of Object.entries(PUBLISHED))
    expect([name, parameterCount(modelOf(config))]).toEqual([name, parameters]);
});

test('an architecture may be named by its class alone', () => {
  const classes = {
    llama: 'LlamaForCausalLM',
    mistral: 'MistralForCausalLM',
    qwen2: 'Qwen2ForCausalLM',
    gpt2: 'GPT2LMHeadModel',
    gpt_neox: 'GPTNeoXForCausalLM',
  };
  for (const [config] of Object.values(PUBLISHED)) {
    const { model_type: type, ...rest } = config;
    const architectures = Object.entries(classes).flatMap(([name, className]) => (name === type ? [className] : []));
    expect(modelOf({ ...rest, architectures })).toEqual(modelOf(config));
  }
});

test('what a config leaves out is what its architecture means by that', () => {
  const llama = PUBLISHED['Llama-2-7b']?.[0] ?? {};
  expect(modelOf(llama)).toMatchObject({
    tied: false,
    dropout: false,
    gated: true,
    norm: 'rmsnorm',
    activation: 'silu',
  });
  expect(modelOf({ ...llama, num_key_value_heads: null }).kvHeads).toBe(32);
  expect(modelOf({ ...llama, attention_bias: true }).bias).toEqual({
    qkv: true,
    attentionOut: true,
    mlp: false,
    head: false,
  });
  expect(modelOf({ ...llama, mlp_bias: true }).bias).toEqual({
    qkv: false,
    attentionOut: false,
    mlp: true,
    head: false,
  });
  expect(modelOf({ ...llama, head_dim: 64 }).headDim).toBe(64);
  const small = modelOf(gpt2(12, 768, 12));
  expect(small).toMatchObject({ tied: true, dropout: true, ffn: 3072, position: 'learned', positions: 1024 });
  expect(modelOf({ ...gpt2(12, 768, 12), n_inner: 100 }).ffn).toBe(100);
  expect(modelOf({ ...gpt2(12, 768, 12), tie_word_embeddings: false }).tied).toBe(false);
  expect(modelOf(neox(16, 2048, 8, 50304))).toMatchObject({ tied: false, parallelBlock: true, norm: 'layernorm' });
  const qwen = modelOf(PUBLISHED['Qwen2-7B']?.[0] ?? {});
  expect(qwen.bias).toEqual({ qkv: true, attentionOut: false, mlp: false, head: false });
});

test('an unknown architecture is refused by name, with those that are known and what is missing', () => {
  const known =
    'llama, mistral, mixtral, qwen2, qwen2_moe, qwen3, qwen3_moe, deepseek_v2, deepseek_v3, kimi_k2, gpt_oss, gemma, ' +
    'gemma2, gemma3_text, phi3, phimoe, hunyuan, hunyuan_v1_dense, hunyuan_v1_moe, nemotron, olmo2, gpt2, gpt_neox, ' +
    'gemma3, mistral3, llava';
  expect(said({ model_type: 'dbrx', num_local_experts: 8 })).toEqual([
    `config.json:2:16 model_type: dbrx is not an architecture known here (${known}); missing is a description of how its layers are built, with mixture of experts (num_local_experts)`,
  ]);
  expect(said({ model_type: 'Mixtral' })[0]).toMatch(/\(did you mean mixtral\?\)$/u);
  expect(said({ architectures: ['T5ForConditionalGeneration'], d_kv: 64 })[0]).toMatch(
    /^config\.json:3:3 architectures\.0: T5.*missing is a description .*, with an encoder beside the decoder \(d_kv\)/u,
  );
  expect(said({})).toEqual([`config.json:1:1 names no architecture: model_type is missing; known are ${known}`]);
});

test('what is no text names no architecture', () => {
  for (const value of [{ toString: 0 }, [], 5, true])
    expect(said({ model_type: value })[0]).toMatch(
      /^config\.json:2:\d+ model_type: .* is not an architecture known here/u,
    );
});

test('every setting that is missing or impossible is complained of at once', () => {
  const { num_hidden_layers: _, ...config } = like('llama', [32, 4096, 32, 8, 11008, 32000]);
  expect(said({ ...config, vocab_size: 0.5, hidden_size: -4096, hidden_act: 'gleu' })).toEqual([
    'config.json:1:1 num_hidden_layers: is missing; wanted a whole number of at least 1',
    'config.json:3:17 hidden_size: -4096 is not a whole number of at least 1',
    'config.json:7:16 vocab_size: 0.5 is not a whole number of at least 1',
    expect.stringMatching(/^config\.json:8:16 hidden_act: gleu is not one of .*\(did you mean gelu\?\)$/u),
  ]);
  expect(said(like('llama', [32, 4096, 32, 5, 11008, 32000]))).toEqual([
    'config.json:6:25 num_key_value_heads: 5 kv heads do not divide 32 heads (did you mean 4?)',
  ]);
  expect(said(gpt2(12, 768, 7))[0]).toMatch(/^config\.json:5:12 n_head: 7 heads do not divide hidden 768/u);
});

test('a scenario takes its model from a config.json, and complaints about it keep its file', () => {
  const text = JSON.stringify(PUBLISHED['Llama-3-8B']?.[0]);
  const files = libraryWith({ 'my/model': text, 'my/broken': '{"model_type": "llama",\n "vocab_size": ,}' });
  const asking = (path: string): string => RIGHT.replace('model: gpt-13b', `model: {hf: ${path}}`);
  expect(parameterCount(scenarioOf(asking('my/model'), files).model)).toBe(8_030_261_248);
  expect(printed(asking('my/broken'), files)).toEqual(['my/broken:2:16 not JSON: "," is out of place']);
  expect(printed(asking('my/other'), files)).toEqual([
    'run.yaml:2:13 model.hf: my/other is not a config.json, nor a folder with one',
  ]);
});

test('a text is found fault with exactly when JSON.parse does not take it', () => {
  const isJson = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const spoilt = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', ',', '}', ']', '{', '"', '\\', '\u007F', '\u0001', ' ', '1', '-', 'e', ':', '\n', 'true'),
    )
    .map(([json, at, cut, into]) => {
      const index = at % (json.length + 1);
      return json.slice(0, index) + into + json.slice(index + cut);
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), spoilt, fc.string()), (text) => {
      expect(jsonFault({ file: 'x', text }) === null).toBe(isJson(text));
    }),
    { numRuns: 3000 },
  );
});

test('settings that say nothing about the shape change nothing, however they are laid out', () => {
  const config = PUBLISHED['Llama-3-8B']?.[0] ?? {};
  const other = fc.string({ unit: 'grapheme' }).filter((key) => !(key in config) && key !== 'head_dim');
  fc.assert(
    fc.property(fc.dictionary(other, fc.jsonValue()), fc.constantFrom(0, 1, 2, '\t'), (others, indent) => {
      const text = JSON.stringify({ ...others, ...config }, null, indent);
      // What stands in for bytes that are no text is refused, wherever it stands.
      fc.pre(!text.includes('\uFFFD'));
      expect(modelFromHuggingFace({ file: 'config.json', text })).toEqual({ kind: 'model', model: modelOf(config) });
    }),
  );
});

test('nothing that is called a config.json throws', () => {
  const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.constantFrom(null, true, 'gelu', 1e30, -1));
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(PUBLISHED)), fc.nat(6), value, ([config], which, into) => {
      const key = Object.keys(config)[which % Object.keys(config).length] ?? '';
      const reading = read({ ...config, [key]: into });
      if (reading.kind === 'model') expect(Number.isInteger(parameterCount(reading.model))).toBe(true);
      else expect(reading.complaints.length).toBeGreaterThan(0);
    }),
  );
});
