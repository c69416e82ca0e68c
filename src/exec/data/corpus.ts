/** The tokens of a run, in memory that the threads of all ranks share, and which of them belong to which sample. */
import assert from 'node:assert/strict';
import type { Tokens } from '../../effects/effect.ts';
import { rowsOf } from '../../kernels/op/positions.ts';
import type { TokenizerFile } from './encoding.ts';
import { placeOf } from './permutation.ts';

/** Plain data over shared memory: it goes to another thread as it is, and nothing of it is copied. */
export interface Corpus {
  readonly tokens: TokenArray;
  /** Tokens of a sequence; the token behind it is the last label. */
  readonly sequence: number;
  /** Of the order of the training sequences. */
  readonly seed: number;
  readonly splits: Readonly<Record<Tokens['split'], Split>>;
  /** Of all the tokens: a run goes on from a checkpoint only where it is the same. */
  readonly fingerprint: string;
  /** Where the tokenizer was read from; null for one that comes with us. */
  readonly tokenizerFile: TokenizerFile | null;
}

/** Half the memory for vocabularies that 16 bits are enough for. */
export type TokenArray = Uint16Array<SharedArrayBuffer> | Uint32Array<SharedArrayBuffer>;

/** One document behind another, cut into sequences without regard to where documents end; what is left over is not used. */
export interface Split {
  readonly documents: number;
  /** Its first token, and how many it has. */
  readonly start: number;
  readonly tokens: number;
  readonly sequences: number;
}

/** Sequences of `sequence` tokens and a label behind the last: neighbours share that one token. */
export const sequencesIn = (tokens: number, sequence: number): number =>
  Math.max(0, Math.floor((tokens - 1) / sequence));

/**
 * Fills `into` with the ids or the labels of the sequences at these positions, one sequence behind another. Sample i of a
 * run depends on nothing but i and the seed, so that a run goes on where it stopped by counting on from there. Training
 * goes through its sequences in a new order each epoch; validation goes through its own in one order, drawn once for all
 * runs, so that a few of them stand for all. Both
 * begin again when all have been seen.
 */
export const sampleTokens = (corpus: Corpus, source: Tokens, into: Int32Array): void => {
  const { tokens, sequence } = corpus;
  const { batch, starts, length } = source.at;
  assert(
    starts.every((start) => start >= 0 && start + length <= sequence),
    'positions beyond the sequence',
  );
  assert.equal(into.length, batch * rowsOf(source.at), 'a tensor of another size than the sample');
  let next = 0;
  for (let sample = source.sequence; sample < source.sequence + batch; sample++)
    for (const start of starts) {
      const from = firstToken(corpus, source.split, sample) + start + (source.what === 'labels' ? 1 : 0);
      into.set(tokens.subarray(from, from + length), next);
      next += length;
    }
};

const firstToken = ({ splits, sequence, seed }: Corpus, split: Tokens['split'], sample: number): number => {
  const { start, sequences } = splits[split];
  assert(sequences > 0, `no sequence in the ${split} split`);
  const place = sample % sequences;
  const order = { count: sequences, seed, round: Math.floor(sample / sequences) };
  return start + sequence * placeOf(place, split === 'train' ? order : { count: sequences, seed: 0, round: 0 });
};
