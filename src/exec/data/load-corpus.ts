/** From the files that a scenario names to the tokens of its run, or to everything that is wrong with them at once. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Tokens } from '../../effects/effect.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Corpus, Split, TokenArray } from './corpus.ts';
import { sequencesIn } from './corpus.ts';
import { documentsOf } from './documents.ts';
import type { EncoderReading } from './encoding.ts';
import { encoderFor } from './encoder.ts';
import type { Sides } from './split.ts';
import { splitOf } from './split.ts';
import type { TokenSlice } from './token-list.ts';
import { TokenList } from './token-list.ts';

export type CorpusReading =
  | { readonly kind: 'corpus'; readonly corpus: Corpus }
  | { readonly kind: 'complaints'; readonly complaints: readonly string[] };

type Question = Pick<Scenario, 'data' | 'model' | 'training' | 'workload'>;

/** Files are looked for in the `folders`, in that order: beside the scenario, then where the command was given. */
export const loadCorpus = async (question: Question, folders: readonly string[]): Promise<CorpusReading> => {
  const complaints: string[] = [];
  const locate = (path: string): string =>
    folders.map((folder) => resolve(folder, path)).find((full) => existsSync(full)) ?? resolve(path);
  const reading = await encoderFor(question.data.tokenizer, locate);
  complaints.push(...faultsOf(reading, question));
  const list = new TokenList(reading.kind === 'encoder' ? reading.encoder.vocabulary : 0);
  const reader = { locate, complain: (complaint: string) => complaints.push(complaint) };
  for await (const text of documentsOf(question.data, reader))
    if (reading.kind === 'encoder' && complaints.length === 0)
      list.add(reading.encoder.encode(text), reading.encoder.endOfDocument);
  if (complaints.length > 0 || reading.kind === 'refused') return { kind: 'complaints', complaints };
  const sides = splitOf(list.documents(), question.data.validation);
  const corpus = corpusOf(sides, { ...question, vocabulary: reading.encoder.vocabulary });
  const shortages = shortagesOf(corpus, question);
  return shortages.length > 0 ? { kind: 'complaints', complaints: shortages } : { kind: 'corpus', corpus };
};

const faultsOf = (reading: EncoderReading, { model }: Question): readonly string[] => {
  if (reading.kind === 'refused') return [`data.tokenizer: ${reading.reason}`];
  const { name, vocabulary } = reading.encoder;
  if (vocabulary <= model.vocabulary) return [];
  return [
    `data.tokenizer: ${name} has ${vocabulary} tokens, more than the ${model.vocabulary} of ${model.name}; wanted a model with vocabulary: ${vocabulary} or more`,
  ];
};

const corpusOf = (
  { train, validation }: Sides,
  { workload: { sequence }, training: { seed }, vocabulary }: Question & { readonly vocabulary: number },
): Corpus => {
  const tokens = sharedTokens([...train, ...validation], vocabulary);
  const trainTokens = lengthOf(train);
  const split = (documents: readonly TokenSlice[], start: number): Split => {
    const length = lengthOf(documents);
    return { documents: documents.length, start, tokens: length, sequences: sequencesIn(length, sequence) };
  };
  const splits = { train: split(train, 0), validation: split(validation, trainTokens) };
  const hash = createHash('sha256').update(JSON.stringify([sequence, splits, tokens.BYTES_PER_ELEMENT]));
  const fingerprint = hash.update(tokens).digest('hex');
  return { tokens, sequence, seed, splits, fingerprint };
};

const lengthOf = (documents: readonly TokenSlice[]): number => documents.reduce((sum, { length }) => sum + length, 0);

/** All documents, one behind another. */
const sharedTokens = (documents: readonly TokenSlice[], vocabulary: number): TokenArray => {
  const length = lengthOf(documents);
  const tokens =
    vocabulary <= 2 ** 16
      ? new Uint16Array(new SharedArrayBuffer(length * Uint16Array.BYTES_PER_ELEMENT))
      : new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT));
  let next = 0;
  for (const document of documents) {
    tokens.set(document, next);
    next += document.length;
  }
  return tokens;
};

/** A split that is read needs one sequence at least. */
const shortagesOf = ({ splits, sequence }: Corpus, { training }: Question): readonly string[] => {
  const read: readonly Tokens['split'][] = training.validation === null ? ['train'] : ['train', 'validation'];
  return read
    .filter((name) => splits[name].sequences === 0)
    .map(
      (name) =>
        `data: ${splits[name].tokens} tokens in the ${name} split are too few: wanted ${sequence + 1} or more, a sequence of ${sequence} and its last label`,
    );
};
