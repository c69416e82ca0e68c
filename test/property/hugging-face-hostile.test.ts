/** Laws of published models that are broken or not meant for us: each is refused in words, with the file, before a step is done. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointFault } from '../../src/exec/checkpoint/fault.ts';
import { fromFloats } from '../../src/exec/checkpoint/floats.ts';
import { SafetensorsFile } from '../../src/exec/checkpoint/safetensors-file.ts';
import { PublishedWeights, readModel, refuseOtherWeights } from '../../src/exec/hugging-face/import.ts';
import type { Model } from '../../src/scenario/model.ts';
import type { MemoryDisk } from '../worlds/memory-disk.ts';
import { CONSTANTS, exported, llama, mixtral, onDisk } from '../worlds/published-models.ts';

const model = llama(1, 2);
const withFile = (name: string, content: string | Uint8Array): MemoryDisk => {
  const disk = onDisk(exported(model));
  disk.create(`/model/${name}`).write(Buffer.from(content));
  return disk;
};
/** What a run hears that begins with the folder `/model`; anything but a fault would be called a mistake of ours. */
const said = (disk: MemoryDisk, own: Model = model): string => {
  try {
    refuseOtherWeights(disk, '/model', { model: own, constants: CONSTANTS });
  } catch (error) {
    if (error instanceof CheckpointFault) return error.message;
    throw error;
  }
  return '';
};
const headed = (json: string, tensors = 0): Uint8Array => {
  const file = Buffer.alloc(8 + json.length + tensors);
  file.writeBigUInt64LE(BigInt(json.length));
  file.write(json, 8);
  return file;
};

test('weights whose header is another kind of JSON, or is cut short, are refused by the name of their file', () => {
  const name = '/model/model.safetensors';
  for (const [content, complaint] of [
    [headed('null'), `${name}: no safetensors file, its header is null; wanted a mapping of tensors`],
    [headed('[1,2,3]'), `${name}: no safetensors file, its header is [1,2,3]; wanted a mapping of tensors`],
    [headed('{"__metadata__":{"a":5}}'), `${name}: __metadata__ "a" of its header is 5; wanted a text`],
    [headed('{"__metadata__":null}'), `${name}: __metadata__ of its header is null; wanted a mapping of texts`],
    [headed('{x'), `${name}: no safetensors file, its header is no JSON`],
    [headed('{"a":null}'), `${name}: what its header says of "a" is not understood`],
    [
      headed('{}          ').subarray(0, 10),
      `${name}: cut short, or no safetensors file: its header would have 12 bytes, and the file ends after 10`,
    ],
    [Uint8Array.of(1, 2), `${name}: 2 bytes are too few for a safetensors file`],
  ] as const)
    expect(said(withFile('model.safetensors', content))).toBe(complaint);
});

test('whatever bytes stand in its files, a folder is refused in words or is taken', () => {
  const anything = fc.oneof(
    fc.json(),
    fc.string(),
    fc.string().map((key) => JSON.stringify({ [key]: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } })),
    fc.constantFrom('{"\\u001b[2J": 5}', '{"__metadata__": {"\\u001b": 5}}', '{"weight_map": {"\\u001b": 5}}'),
    fc.constant('{"weight_map":{"a":"model.safetensors"}}'),
    fc.json().map((json) => `{"model_type":"llama","rope_scaling":${json}}`),
    fc.json().map((json) => `{"weight_map":${json}}`),
    fc.json().map((json) => `{"__metadata__":${json}}`),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('config.json', 'model.safetensors', 'model.safetensors.index.json'),
      anything,
      (name, text) => {
        const disk = withFile(name, name === 'model.safetensors' ? headed(text) : text);
        if (name.endsWith('index.json')) disk.removeFile('/model/model.safetensors');
        expect(said(disk)).not.toMatch(/(?!\n)\p{Cc}/u);
      },
    ),
  );
});

test('settings of another form are complained of where they stand', () => {
  const text = Buffer.from(onDisk(exported(model)).readAll('/model/config.json')).toString();
  for (const value of ['5', '"linear"', '[1]', 'true'])
    expect(() =>
      readModel(withFile('config.json', text.replace('{\n', `{\n  "rope_scaling": ${value},\n`)), '/model', CONSTANTS),
    ).toThrow(/^\/model\/config\.json:2:19 rope_scaling: .* is no mapping of settings$/u);
  expect(said(withFile('config.json', text.replace('{\n', '{\n  "rope_scaling": null,\n')))).toBe('');
});

const withIndex = (text: string): MemoryDisk => {
  const disk = withFile('model.safetensors.index.json', text);
  disk.rename('/model', '/elsewhere');
  disk.makeFolder('/model');
  for (const name of ['config.json', 'model.safetensors.index.json'])
    disk.create(`/model/${name}`).write(disk.readAll(`/elsewhere/${name}`));
  return disk;
};
const INDEX = '/model/model.safetensors.index.json';

test('an index that is no JSON, or no mapping of weights to files, is named with the place', () => {
  expect(said(withIndex('{x'))).toMatch(/^\/model\/model\.safetensors\.index\.json:1:2 not JSON/u);
  for (const text of ['5', '{}', '{"weight_map": []}', 'null'])
    expect(said(withIndex(text))).toBe(`${INDEX}: there is no weight_map, a mapping of weights to files`);
});

test('an index opens files of its own folder alone, and names each that is missing', () => {
  const paths = ['../elsewhere/model.safetensors', '/elsewhere/model.safetensors', '..', '.', '', 'a\\b', 'a/b', 'a\0'];
  for (const name of paths)
    expect(said(withIndex(`{\n  "weight_map": {"a": ${JSON.stringify(name)}}}`))).toMatch(
      /index\.json:2:23 weight_map\.a: .* is no name of a file beside this one$/u,
    );
  expect(said(withIndex('{"weight_map": {"a": 5}}'))).toMatch(/weight_map\.a: 5 is no name of a file/u);
  const many = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`w${index}`, '../x']));
  expect(said(withIndex(JSON.stringify({ weight_map: many }))).split('\n')).toHaveLength(11);
  expect(said(withIndex('{"weight_map": {"a": "b.safetensors", "c": "d.safetensors"}}'))).toBe(
    '/model/b.safetensors: there is no such file\n/model/d.safetensors: there is no such file',
  );
});

test('weights that are no numbers are refused with their tensor and element, whatever their format', () => {
  for (const type of ['F32', 'BF16', 'F16'] as const)
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      const disk = onDisk(exported(model, type));
      expect(said(disk)).toBe('');
      const file = disk.files.get('/model/model.safetensors')!;
      const place = new SafetensorsFile(disk, '/model/model.safetensors').find('model.norm.weight')!;
      const bytes = fromFloats(Float32Array.of(value), type);
      file.bytes.set(bytes, place.start + 3 * bytes.length);
      expect(said(disk)).toBe(`/model/model.safetensors: model.norm.weight: element 3 is ${value}; wanted a number`);
      // Who reads weights without asking first still gets them as they are.
      new PublishedWeights(disk, '/model', model).close();
    }
});

test('a model that is another is refused key by key, with the way to take it from there', () => {
  expect(
    said(onDisk(exported(mixtral(1, 2))), { ...model, heads: 8, bias: { ...model.bias, qkv: true } }).split('\n'),
  ).toEqual([
    '/model is of another model:',
    expect.stringMatching(/^ {2}experts: it has \{.*, the run nothing$/u),
    '  heads: it has 4, the run 8',
    '  bias.qkv: it has false, the run true',
    'wanted the same one, or the model from there too: --hf /model, which is model: {hf: /model} in a scenario',
  ]);
});
