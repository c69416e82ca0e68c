/** A tokenizer.json as Hugging Face models have, with the tokenizer_config.json beside it if there is one. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { jsonFault } from '../../scenario/json-fault.ts';
import type { EncoderReading } from './encoding.ts';
import { fileFault } from './file-fault.ts';

/** `path` as the user wrote it, and in full. */
export const fileEncoder = async (path: string, full: string): Promise<EncoderReading> => {
  const tables = await readJson(path, full);
  if (tables.kind === 'refused') return tables;
  const beside = join(dirname(full), SETTINGS);
  const settings: Json = existsSync(beside) ? await readJson(SETTINGS, beside) : { kind: 'json', value: {} };
  if (settings.kind === 'refused') return settings;
  const config = settings.value;
  try {
    return encoderOf(path, new Tokenizer(tables.value, config), endNamedIn(config));
  } catch (error) {
    return { kind: 'refused', reason: `${path} is no tokenizer.json that can be read: ${messageOf(error)}` };
  }
};

const SETTINGS = 'tokenizer_config.json';

const encoderOf = (path: string, tokenizer: Tokenizer, named: string | null): EncoderReading => {
  const ids = tokenizer.get_vocab(true);
  const end = [...(named === null ? [] : [named]), ...ENDS].find((token) => ids.has(token));
  const vocabulary = [...ids.values()].reduce((most, id) => Math.max(most, id), -1) + 1;
  const encode = (text: string): readonly number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const endOfDocument = end === undefined ? null : (ids.get(end) ?? null);
  return { kind: 'encoder', encoder: { name: path, vocabulary, endOfDocument, encode } };
};

/** What models of the GPT, Llama, Qwen and Gemma families end a document with, where no config says it. */
const ENDS = ['<|endoftext|>', '<|end_of_text|>', '</s>', '<eos>'];

/** A token, or a mapping with its text. */
const endNamedIn = (config: object): string | null => {
  const end: unknown = 'eos_token' in config ? config.eos_token : null;
  if (typeof end === 'string') return end;
  return typeof end === 'object' && end !== null && 'content' in end && typeof end.content === 'string'
    ? end.content
    : null;
};

type Json = { readonly kind: 'json'; readonly value: object } | { readonly kind: 'refused'; readonly reason: string };

const readJson = async (path: string, full: string): Promise<Json> => {
  try {
    const text = (await readFile(full, 'utf8')).replace(/^\uFEFF/u, '');
    const fault = jsonFault({ file: path, text });
    if (fault !== null) return { kind: 'refused', reason: `${path}:${fault.line}:${fault.column} ${fault.message}` };
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { kind: 'json', value };
    return { kind: 'refused', reason: `${path} is not a mapping; wanted a tokenizer.json` };
  } catch (error) {
    return { kind: 'refused', reason: `${path}: ${fileFault(error)}` };
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
