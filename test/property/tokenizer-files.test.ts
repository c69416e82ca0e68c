/** Laws of the tokenizer beside an exported model: the one it was trained with, or the word where that is to be had. */
import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { localDisk } from '../../src/exec/checkpoint/disk.ts';
import type { StoredData } from '../../src/exec/checkpoint/manifest.ts';
import { dataOf } from '../../src/exec/checkpoint/settings.ts';
import { tokenizerFiles } from '../../src/exec/hugging-face/tokenizer-files.ts';
import type { Tokenizer } from '../../src/scenario/real-run.ts';
import { corpusOf, file, fullPath } from './corpus-fixtures.ts';

const TABLES = JSON.stringify({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] },
});

/** What a checkpoint says of a run with that tokenizer. */
const storedOf = async (tokenizer: Tokenizer): Promise<StoredData> => {
  const data = { text: [file('ab.txt', 'abababab')], validation: 0, tokenizer };
  return dataOf(await corpusOf({ data, sequence: 2, vocabulary: 200_019, validates: false }), tokenizer);
};
const exportedOf = (stored: StoredData) => {
  const { files, advice } = tokenizerFiles(localDisk, stored, 64);
  return {
    advice,
    files: Object.fromEntries([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])),
  };
};

test('is the file it was trained with, and what stands beside it', async () => {
  const kind = 'file';
  const stored = await storedOf({ kind, path: file('mine/tables.json', TABLES) });
  expect(exportedOf(stored)).toMatchObject({ advice: null, files: { 'tokenizer.json': TABLES } });
  // Without settings of its own it gets such as change nothing: a library would take those of the model's class.
  expect(JSON.parse(exportedOf(stored).files['tokenizer_config.json']!)).toMatchObject({ model_max_length: 64 });
  file('mine/tokenizer_config.json', '{"eos_token": "b"}');
  file('mine/special_tokens_map.json', '{}');
  file('mine/secret.json', '{}');
  expect(exportedOf(stored).files).toEqual({
    'tokenizer.json': TABLES,
    'tokenizer_config.json': '{"eos_token": "b"}',
    'special_tokens_map.json': '{}',
  });
});

test('is not another one that has taken its place, and not one that is gone', async () => {
  const stored = await storedOf({ kind: 'file', path: file('moved/tokenizer.json', TABLES) });
  const path = fullPath('moved/tokenizer.json');
  writeFileSync(path, TABLES.replace('"a":0,"b":1', '"a":1,"b":0'));
  expect(exportedOf(stored)).toEqual({
    files: {},
    advice: `copy its tokenizer there: ${path} is another one now than it was trained with`,
  });
  rmSync(path);
  expect(exportedOf(stored)).toEqual({ files: {}, advice: `copy its tokenizer there: ${path} is gone` });
});

test('is written for bytes, and named for the vocabularies of others', async () => {
  const bytes = exportedOf(await storedOf({ kind: 'named', name: 'bytes' }));
  expect([Object.keys(bytes.files), bytes.advice]).toEqual([['tokenizer.json', 'tokenizer_config.json'], null]);
  for (const [name, source] of [
    ['gpt2', 'openai-community/gpt2'],
    ['cl100k_base', 'tiktoken'],
    ['o200k_base', 'tiktoken'],
  ] as const) {
    const { files, advice } = exportedOf(await storedOf({ kind: 'named', name }));
    expect(files).toEqual({});
    expect(advice).toContain(source);
  }
});

test('is asked for where the checkpoint does not know its file', () => {
  const stored = { tokenizer: 'old.json', tokens: '', trainTokens: 1, validationTokens: 1, sequence: 1 };
  expect(exportedOf(stored).advice).toBe('copy the files of its tokenizer there, old.json');
});
