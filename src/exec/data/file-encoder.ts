/** A tokenizer.json as Hugging Face models have, with the tokenizer_config.json beside it if there is one. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { printComplaint } from '../../scenario/complaint.ts';
import { jsonFault } from '../../scenario/json-fault.ts';
import { tokenizerFault } from './data-faults.ts';
import type { EncoderReading, TokenizerFile } from './encoding.ts';
import type { NamedFile } from './named-file.ts';
import { namedFile, readingFault } from './named-file.ts';
import { oddityOf, TEXT_BYTES_MAX } from './plain-file.ts';
import { idFaults } from './token-ids.ts';

/** `path` as the user wrote it. */
export const fileEncoder = async (path: string, folders: readonly string[]): Promise<EncoderReading> => {
  const file = namedFile(path, 'data.tokenizer', folders);
  const tables = await readJson(file, folders);
  if (tables.kind === 'refused') return tables;
  const complaints = idFaults(tables.value, { file: path, text: tables.text });
  if (complaints.length > 0) return { kind: 'refused', findings: [], complaints };
  const beside = { ...file, path: SETTINGS, full: join(dirname(file.full), SETTINGS) };
  const settings: Json = existsSync(beside.full)
    ? await readJson(beside, folders)
    : { kind: 'json', value: {}, text: '', sha256: '' };
  if (settings.kind === 'refused') return settings;
  const config = settings.value;
  try {
    return encoderOf(new Tokenizer(tables.value, config), {
      name: path,
      file: { path: file.full, sha256: tables.sha256 },
      end: endNamedIn(config),
    });
  } catch (error) {
    return refused(`${path} is no tokenizer.json that can be read: ${messageOf(error)}`);
  }
};

const SETTINGS = 'tokenizer_config.json';

interface Known {
  readonly name: string;
  readonly file: TokenizerFile;
  /** What its settings call the token behind a document; null where they say nothing. */
  readonly end: string | null;
}

const encoderOf = (tokenizer: Tokenizer, { name, file, end: named }: Known): EncoderReading => {
  const ids = tokenizer.get_vocab(true);
  const end = [...(named === null ? [] : [named]), ...ENDS].find((token) => ids.has(token));
  const vocabulary = [...ids.values()].reduce((most, id) => Math.max(most, id), -1) + 1;
  const encode = (text: string): readonly number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const endOfDocument = end === undefined ? null : (ids.get(end) ?? null);
  return { kind: 'encoder', encoder: { name, vocabulary, endOfDocument, file, encode } };
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

type Refused = Extract<EncoderReading, { kind: 'refused' }>;
type Json = { readonly kind: 'json'; readonly value: object; readonly text: string; readonly sha256: string } | Refused;

const refused = (message: string): Refused => ({ kind: 'refused', ...tokenizerFault(message) });

const readJson = async (file: NamedFile, folders: readonly string[]): Promise<Json> => {
  const { path, full } = file;
  try {
    const oddity = oddityOf(full, TEXT_BYTES_MAX);
    if (oddity !== null) return refused(`${path}: ${oddity}`);
    const content = await readFile(full);
    const text = content.toString('utf8').replace(/^\uFEFF/u, '');
    const fault = jsonFault({ file: path, text });
    if (fault !== null) return { kind: 'refused', findings: [], complaints: [printComplaint(fault)] };
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null)
      return { kind: 'json', value, text, sha256: createHash('sha256').update(content).digest('hex') };
    return refused(`${path} is not a mapping; wanted a tokenizer.json`);
  } catch (error) {
    return { kind: 'refused', findings: [readingFault(file, error, folders)], complaints: [] };
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
