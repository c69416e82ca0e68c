/** Laws of exported models: the names and shapes that transformers reads, and the same numbers when they come back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { join } from 'node:path';
import { elementsOfShape } from '../../src/effects/share.ts';
import type { FloatType } from '../../src/exec/checkpoint/floats.ts';
import { toFloats } from '../../src/exec/checkpoint/floats.ts';
import { wholeRun } from '../../src/exec/checkpoint/ranges.ts';
import { SafetensorsFile, SafetensorsWriter } from '../../src/exec/checkpoint/safetensors-file.ts';
import type { Exported } from '../../src/exec/hugging-face/export.ts';
import { exportModel } from '../../src/exec/hugging-face/export.ts';
import { familyOf } from '../../src/exec/hugging-face/families.ts';
import { PublishedWeights, readModel } from '../../src/exec/hugging-face/import.ts';
import type { Model } from '../../src/scenario/model.ts';
import type { MemoryDisk } from '../worlds/memory-disk.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';
import {
  CONSTANTS,
  gpt,
  llama,
  mixtral,
  anyModel,
  ownTensors,
  exported,
  onDisk,
  valuesOf,
} from '../worlds/published-models.ts';

test('a model that was exported is imported with every weight as it was, and with the shape it had', () => {
  fc.assert(
    fc.property(anyModel, fc.constantFrom<FloatType>('F32', 'BF16', 'F16'), (model, type) => {
      const one = exported(model, type);
      const disk = onDisk(one);
      expect(disk.list('/model')).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
      const imported = readModel(disk, '/model', CONSTANTS);
      expect({ ...imported, name: 'test', source: 'test' }).toEqual(model);
      const weights = new PublishedWeights(disk, '/model', imported);
      for (const [name, shape] of ownTensors(model)) {
        const run = wholeRun(name, shape);
        expect([name, ...valuesOf(weights, run)]).toEqual([name, ...valuesOf(one.source, run)]);
        const moment = new Float32Array(run.length).fill(1);
        weights.read('first moment', run, moment);
        expect(Math.max(...moment)).toBe(0);
      }
    }),
  );
});

test('the tensors of a published model are all of ours, each element once', () => {
  fc.assert(
    fc.property(anyModel, (model) => {
      const met = new Map(
        [...ownTensors(model)].map(([name, shape]) => [name, new Uint8Array(elementsOfShape(shape))]),
      );
      for (const { own, ownShape, rows, width, first, columns, shape } of familyOf(model).weights(model)) {
        expect([own, ownShape]).toEqual([own, ownTensors(model).get(own)]);
        expect(elementsOfShape(shape)).toBe(rows * columns);
        for (let row = 0; row < rows; row += 1)
          for (let column = 0; column < columns; column += 1) met.get(own)![row * width + first + column]! += 1;
      }
      for (const [name, counts] of met) expect([name, Math.min(...counts), Math.max(...counts)]).toEqual([name, 1, 1]);
    }),
  );
});

const namesAndShapes = (model: Model): Readonly<Record<string, readonly number[]>> => {
  const file = new SafetensorsFile(onDisk(exported(model)), '/model/model.safetensors');
  expect(file.header.metadata).toEqual({ format: 'pt' });
  return Object.fromEntries([...file.header.tensors].map(([name, { shape }]) => [name, shape]));
};

/** Written down from `modeling_gpt2.py`: `Conv1D` is [inputs, outputs], and the head is the table. */
test('GPT-2 has the names and shapes of its class', () => {
  expect(namesAndShapes(gpt(1, 4))).toEqual({
    'transformer.wte.weight': [7, 8],
    'transformer.wpe.weight': [5, 8],
    'transformer.h.0.ln_1.weight': [8],
    'transformer.h.0.ln_1.bias': [8],
    'transformer.h.0.attn.c_attn.weight': [8, 24],
    'transformer.h.0.attn.c_attn.bias': [24],
    'transformer.h.0.attn.c_proj.weight': [8, 8],
    'transformer.h.0.attn.c_proj.bias': [8],
    'transformer.h.0.ln_2.weight': [8],
    'transformer.h.0.ln_2.bias': [8],
    'transformer.h.0.mlp.c_fc.weight': [8, 12],
    'transformer.h.0.mlp.c_fc.bias': [12],
    'transformer.h.0.mlp.c_proj.weight': [12, 8],
    'transformer.h.0.mlp.c_proj.bias': [8],
    'transformer.ln_f.weight': [8],
    'transformer.ln_f.bias': [8],
  });
});

const ATTENTION = {
  'model.layers.0.input_layernorm.weight': [6],
  'model.layers.0.self_attn.q_proj.weight': [8, 6],
  'model.layers.0.self_attn.k_proj.weight': [4, 6],
  'model.layers.0.self_attn.v_proj.weight': [4, 6],
  'model.layers.0.self_attn.o_proj.weight': [6, 8],
  'model.layers.0.post_attention_layernorm.weight': [6],
};
const ENDS = { 'model.embed_tokens.weight': [7, 6], 'model.norm.weight': [6], 'lm_head.weight': [7, 6] };

/** Written down from `modeling_llama.py`: `Linear` is [outputs, inputs]. */
test('Llama has the names and shapes of its class', () => {
  expect(namesAndShapes(llama(1, 2))).toEqual({
    ...ATTENTION,
    ...ENDS,
    'model.layers.0.mlp.gate_proj.weight': [5, 6],
    'model.layers.0.mlp.up_proj.weight': [5, 6],
    'model.layers.0.mlp.down_proj.weight': [6, 5],
  });
});

/** As in the released files of mistralai/Mixtral-8x7B-v0.1. */
test('Mixtral has the names and shapes of its released weights', () => {
  const ofExperts = [0, 1, 2].flatMap((expert) =>
    Object.entries({ w1: [5, 6], w2: [6, 5], w3: [5, 6] }).map(([name, shape]) => [
      `model.layers.0.block_sparse_moe.experts.${expert}.${name}.weight`,
      shape,
    ]),
  );
  expect(namesAndShapes(mixtral(1, 2))).toEqual({
    ...ATTENTION,
    ...ENDS,
    'model.layers.0.block_sparse_moe.gate.weight': [3, 6],
    ...Object.fromEntries(ofExperts),
  });
});

test('what a projection of ours makes in column j a published one makes in row j', () => {
  const model = llama(1, 2);
  const one = exported(model);
  const file = new SafetensorsFile(onDisk(one), '/model/model.safetensors');
  const published = (name: string): Float32Array => {
    const place = file.find(`model.layers.0.${name}.weight`)!;
    return toFloats(file.read(place, 0, elementsOfShape(place.shape)), 'F32');
  };
  const qkv = valuesOf(one.source, wholeRun('layers.0.qkv', [6, 16]));
  const up = valuesOf(one.source, wholeRun('layers.0.mlp up', [6, 10]));
  for (let input = 0; input < 6; input += 1) {
    for (let j = 0; j < 4; j += 1) {
      expect(published('self_attn.q_proj')[j * 6 + input]).toBe(qkv[input * 16 + j]);
      expect(published('self_attn.k_proj')[j * 6 + input]).toBe(qkv[input * 16 + 8 + j]);
      expect(published('self_attn.v_proj')[j * 6 + input]).toBe(qkv[input * 16 + 12 + j]);
    }
    for (let j = 0; j < 5; j += 1) {
      expect(published('mlp.gate_proj')[j * 6 + input]).toBe(up[input * 10 + j]);
      expect(published('mlp.up_proj')[j * 6 + input]).toBe(up[input * 10 + 5 + j]);
    }
  }
});

/** Saves the tensors of an exported model again, in other files or under other names. */
const savedAgain = (
  disk: MemoryDisk,
  files: readonly string[],
  {
    rename = (name: string) => name,
    skip = (name: string): boolean => name === '',
    more = {} as Readonly<Record<string, number[]>>,
  },
): void => {
  const from = new SafetensorsFile(disk, '/model/model.safetensors');
  const all = [...from.header.tensors.values()].filter(({ name }) => !skip(name));
  for (const [index, file] of files.entries()) {
    const own = all.filter((_, at) => at % files.length === index);
    const extra = index === 0 ? Object.entries(more) : [];
    const plans = [
      ...own.map(({ name, type, shape }) => ({ name: rename(name), type, shape })),
      ...extra.map(([name, shape]) => ({ name, type: 'F32' as const, shape })),
    ];
    const writer = new SafetensorsWriter(disk.create(join('/model', file)), plans, {});
    for (const place of own) writer.write(from.read(place, 0, elementsOfShape(place.shape)));
    for (const [, shape] of extra) writer.write(new Uint8Array(4 * elementsOfShape(shape)));
    writer.end();
  }
};

test('weights in many files, without the first part of their names, and with buffers beside them are found', () => {
  const model = gpt(2, 4);
  const one = exported(model);
  const disk = onDisk(one);
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  savedAgain(disk, files, {
    rename: (name) => name.replace('transformer.', ''),
    more: { 'h.0.attn.bias': [1, 1, 5, 5], 'lm_head.weight': [7, 8] },
  });
  disk.removeFile('/model/model.safetensors');
  const index = disk.create('/model/model.safetensors.index.json');
  index.write(Buffer.from(JSON.stringify({ weight_map: { a: files[0], b: files[1], c: files[0] } })));
  const weights = new PublishedWeights(disk, '/model', model);
  for (const [name, shape] of ownTensors(model))
    expect(valuesOf(weights, wholeRun(name, shape))).toEqual(valuesOf(one.source, wholeRun(name, shape)));
});

test('weights that are missing, of another shape or of another model are named at once', () => {
  const disk = onDisk(exported(llama(1, 2)));
  savedAgain(disk, ['model.safetensors.new'], {
    skip: (name) => name === 'model.norm.weight',
    more: { 'model.layers.7.self_attn.q_proj.weight': [8, 6] },
  });
  disk.rename('/model/model.safetensors.new', '/model/model.safetensors');
  expect(() => new PublishedWeights(disk, '/model', { ...llama(1, 2), ffn: 6 })).toThrow(
    /gate_proj.weight is \[5, 6\], wanted \[6, 6\]; .*model.norm.weight is missing; .*layers.7.* is no weight of this model/u,
  );
});

const withConfig = (settings: object): (() => Model) => {
  const disk = onDisk(exported(llama(1, 2)));
  const config = { ...(JSON.parse(Buffer.from(disk.readAll('/model/config.json')).toString()) as object), ...settings };
  disk.create('/model/config.json').write(Buffer.from(JSON.stringify(config)));
  return () => readModel(disk, '/model', CONSTANTS);
};

test('a model whose arithmetic is not ours is refused, with all that differs', () => {
  expect(
    withConfig({
      rms_norm_eps: 1e-6,
      rope_theta: 500_000,
      rope_parameters: null,
      rope_scaling: { type: 'llama3', factor: 8 },
    }),
  ).toThrow(/rms_norm_eps is 0.000001, and only 0.00001 .*rope_theta is 500000, .*rope_type is "llama3"/u);
  expect(withConfig({ rms_norm_eps: undefined })).toThrow(/rms_norm_eps is 0.000001/u);
  expect(withConfig({ rope_theta: undefined, rope_parameters: { rope_theta: 1e6, rope_type: 'default' } })).toThrow(
    /rope_theta is 1000000/u,
  );
  expect(withConfig({ rope_theta: undefined, rope_parameters: undefined })().name).toBe('/model/config.json');
  expect(withConfig({ model_type: 'qwen2' })).toThrow(/weights of model_type "qwen2" are not known here/u);
});

test('a mixture that no known class has is compared with the class of mixtures, in words', () => {
  const { experts, ...rest } = mixtral(3, 2);
  const shared = { ...rest, experts: { ...experts!, sharedFfn: 4, layers: [false, true, true] } };
  expect(() => familyOf(shared)).toThrow(
    'test is none of gpt2, llama, mistral, mixtral: nearest is mixtral, which has no shared expert; experts in every layer, and no dense one',
  );
  expect(() => familyOf({ ...llama(1, 2), predictors: 1 })).toThrow(
    /nearest is llama, which has nothing that predicts further tokens$/u,
  );
});

test('a model that no known class has is not exported, with the reasons why not, and nothing is left of the attempt', () => {
  const disk = memoryDisk();
  const odd = { ...llama(1, 2), parallelBlock: true, activation: 'relu' } as const;
  expect(() => exportModel(disk, '/model', exported(odd))).toThrow(
    'test is none of gpt2, llama, mistral, mixtral: nearest is llama, which has activation silu, not relu; parallelBlock false, not true',
  );
  const lacking: Exported = {
    ...exported(gpt(1, 2)),
    source: {
      read: () => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
      close: () => undefined,
    },
  };
  expect(() => exportModel(disk, '/model', lacking)).toThrow(/\/model cannot be written: no space is left/u);
  expect(disk.list('/')).toEqual([]);
  exportModel(disk, '/model', exported(gpt(1, 2)));
  expect(() => exportModel(disk, '/model', exported(gpt(1, 2)))).toThrow(/there already: it stays/u);
});
