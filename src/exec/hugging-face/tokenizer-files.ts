/** The files of the tokenizer that a model was trained with, for whoever talks to it elsewhere, or where they are to be had. */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { Disk } from '../checkpoint/disk.ts';
import { inWords } from '../checkpoint/fault.ts';
import type { StoredData } from '../checkpoint/manifest.ts';
import { byteTokenizer, tokenizerSettings } from './byte-tokenizer.ts';

export interface TokenizerFiles {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What is left to the user, in words; null: nothing. */
  readonly advice: string | null;
}

/** `positions`: the longest sequence of the model. */
export const tokenizerFiles = (
  disk: Disk,
  { tokenizer, tokenizerFile }: Pick<StoredData, 'tokenizer' | 'tokenizerFile'>,
  positions: number,
): TokenizerFiles => {
  if (tokenizer === 'bytes') return { files: byteTokenizer(positions), advice: null };
  const source = SOURCES.get(tokenizer);
  if (source !== undefined) return without(`its tokenizer ${tokenizer} is ${source}`);
  if (tokenizerFile === null || tokenizerFile === undefined)
    return without(`copy the files of its tokenizer there, ${tokenizer}`);
  return copied(disk, tokenizerFile, positions);
};

const without = (advice: string): TokenizerFiles => ({ files: new Map(), advice });

/** Of vocabularies that are known by name. */
const SOURCES: ReadonlyMap<string, string> = new Map([
  ['gpt2', 'that of openai-community/gpt2 on huggingface.co'],
  ['cl100k_base', 'tiktoken.get_encoding("cl100k_base") of the Python package tiktoken'],
  ['o200k_base', 'tiktoken.get_encoding("o200k_base") of the Python package tiktoken'],
]);

const TABLES = 'tokenizer.json';
const SETTINGS = 'tokenizer_config.json';
const BESIDE = [SETTINGS, 'special_tokens_map.json'];

/** Only as it was when the model was trained: with another one the model would be told other tokens than it knows. */
const copied = (
  disk: Disk,
  { path, sha256 }: NonNullable<StoredData['tokenizerFile']>,
  positions: number,
): TokenizerFiles => {
  const there = disk.list(dirname(path));
  if (!there.includes(basename(path))) return without(`copy its tokenizer there: ${path} is gone`);
  const tables = read(disk, path);
  if (createHash('sha256').update(tables).digest('hex') !== sha256)
    return without(`copy its tokenizer there: ${path} is another one now than it was trained with`);
  const beside = BESIDE.filter((name) => there.includes(name));
  const files: [string, Uint8Array][] = [
    [TABLES, tables],
    [SETTINGS, tokenizerSettings(positions)],
    ...beside.map((name): [string, Uint8Array] => [name, read(disk, join(dirname(path), name))]),
  ];
  return { files: new Map(files), advice: null };
};

const read = (disk: Disk, path: string): Uint8Array => {
  try {
    return disk.readAll(path);
  } catch (error) {
    throw inWords(error, `${path} cannot be read`);
  }
};
