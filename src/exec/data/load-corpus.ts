/** From the files that a scenario names to the tokens of its run, or to everything that is wrong with them at once. */
import { createHash } from 'node:crypto';
import type { Tokens } from '../../effects/effect.ts';
import type { Finding } from '../../scenario/complaint.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Corpus, Split, TokenArray } from './corpus.ts';
import { sequencesIn } from './corpus.ts';
import type { DataFaults } from './data-faults.ts';
import { tokenizerFault } from './data-faults.ts';
import type { Reader } from './documents.ts';
import { documentsOf } from './documents.ts';
import { encoderFor } from './encoder.ts';
import type { Encoder, EncoderReading } from './encoding.ts';
import type { Sides } from './split.ts';
import { splitOf } from './split.ts';
import type { TokenSlice } from './token-list.ts';
import { TokenList } from './token-list.ts';

export type CorpusReading =
  { readonly kind: 'corpus'; readonly corpus: Corpus } | ({ readonly kind: 'complaints' } & DataFaults);

type Question = Pick<Scenario, 'data' | 'model' | 'training' | 'workload'>;

/** Files are looked for in the `folders`, in that order: beside the scenario, then where the command was given. */
export const loadCorpus = async (question: Question, folders: readonly string[]): Promise<CorpusReading> => {
  const reading = await encoderFor(question.data.tokenizer, folders);
  const faults = faultsOf(reading, question);
  const [findings, complaints] = [[...faults.findings], [...faults.complaints]];
  const list = new TokenList(reading.kind === 'encoder' ? reading.encoder.vocabulary : 0);
  const isWrong = (): boolean => findings.length + complaints.length > 0;
  const reader: Reader = {
    folders,
    find: (finding) => void findings.push(finding),
    complain: (complaint) => void complaints.push(complaint),
  };
  for await (const text of documentsOf(question.data, reader)) {
    if (reading.kind === 'refused' || isWrong()) continue;
    const tokens = reading.encoder.encode(text);
    if (isTokens(tokens)) list.add(tokens, reading.encoder.endOfDocument);
    else findings.push(...tokenizerFault(withoutToken(reading.encoder, text)).findings);
  }
  if (reading.kind === 'refused' || isWrong()) return { kind: 'complaints', findings, complaints };
  const sides = splitOf(list.documents(), question.data.validation);
  const corpus = corpusOf(sides, { ...question, encoder: reading.encoder });
  const shortages = shortagesOf(corpus, question);
  return shortages.length > 0 ? { kind: 'complaints', findings: shortages, complaints } : { kind: 'corpus', corpus };
};

const faultsOf = (reading: EncoderReading, { model }: Question): DataFaults => {
  if (reading.kind === 'refused') return reading;
  const { name, vocabulary } = reading.encoder;
  if (vocabulary <= model.vocabulary) return { findings: [], complaints: [] };
  return tokenizerFault(
    `${name} has ${vocabulary} tokens, more than the ${model.vocabulary} of ${model.name}; wanted a model with vocabulary: ${vocabulary} or more`,
  );
};

/** A tokenizer without a token for what it does not know gives nothing for it, or null. */
const isTokens = (tokens: ArrayLike<unknown>): tokens is ArrayLike<number> => {
  if (tokens instanceof Uint8Array) return true;
  for (let at = 0; at < tokens.length; at += 1) if (typeof tokens[at] !== 'number') return false;
  return true;
};

const withoutToken = ({ name }: Encoder, text: string): string =>
  `${name} has no token for a part of the document that begins with ${JSON.stringify(text.slice(0, BEGINNING))}, and none for what it does not know`;
const BEGINNING = 40;

const corpusOf = (
  { train, validation }: Sides,
  { workload: { sequence }, training: { seed }, encoder }: Question & { readonly encoder: Encoder },
): Corpus => {
  const tokens = sharedTokens([...train, ...validation], encoder.vocabulary);
  const trainTokens = lengthOf(train);
  const split = (documents: readonly TokenSlice[], start: number): Split => {
    const length = lengthOf(documents);
    return { documents: documents.length, start, tokens: length, sequences: sequencesIn(length, sequence) };
  };
  const splits = { train: split(train, 0), validation: split(validation, trainTokens) };
  const hash = createHash('sha256').update(JSON.stringify([sequence, splits, tokens.BYTES_PER_ELEMENT]));
  const fingerprint = hash.update(tokens).digest('hex');
  return { tokens, sequence, seed, splits, fingerprint, tokenizerFile: encoder.file };
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
const shortagesOf = ({ splits, sequence }: Corpus, { training }: Question): readonly Finding[] => {
  const read: readonly Tokens['split'][] = training.validation === null ? ['train'] : ['train', 'validation'];
  const short = read.filter((name) => splits[name].sequences === 0);
  return short.map((name) => ({
    path: 'data',
    message: `${splits[name].tokens} tokens in the ${name} split are too few: wanted ${sequence + 1} or more, a sequence of ${sequence} and its last label`,
    suggestion: null,
  }));
};
