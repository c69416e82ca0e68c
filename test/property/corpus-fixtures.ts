/** Files to read as a corpus, and corpora of few tokens. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import type { Tokens } from '../../src/effects/effect.ts';
import type { Corpus } from '../../src/exec/data/corpus.ts';
import { sampleTokens } from '../../src/exec/data/corpus.ts';
import type { DataFaults } from '../../src/exec/data/data-faults.ts';
import { loadCorpus } from '../../src/exec/data/load-corpus.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import type { DataSource } from '../../src/scenario/real-run.ts';
import { tinyModel } from '../worlds/jobs.ts';
import { PLAIN_RUN } from '../worlds/plain-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Written below a folder of this test's own; the answer is its name. */
export const file = (name: string, content: string | Uint8Array): string => {
  const full = join(folder, name);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return name;
};

/** Of a file of this test, by its name. */
export const fullPath = (name: string): string => join(folder, name);

export interface Asked {
  readonly data?: Partial<DataSource>;
  readonly sequence?: number;
  readonly seed?: number;
  readonly vocabulary?: number;
  readonly validates?: boolean;
}
const load = async ({ data = {}, sequence = 8, seed = 1, vocabulary = 256, validates = true }: Asked) => {
  const { training } = PLAIN_RUN;
  return await loadCorpus(
    {
      data: { ...PLAIN_RUN.data, ...data },
      model: { ...tinyModel, vocabulary },
      workload: { kind: 'pretrain', sequence, globalBatch: 4, tokens: null },
      training: { ...training, seed, validation: validates ? training.validation : null },
    },
    [folder],
  );
};
export const corpusOf = async (asked: Asked = {}): Promise<Corpus> => {
  const reading = await load(asked);
  if (reading.kind === 'complaints') throw new Error(linesOf(reading).join('\n'));
  return reading.corpus;
};
export const complaintsOf = async (asked: Asked): Promise<readonly string[]> => {
  const reading = await load(asked);
  return reading.kind === 'complaints' ? linesOf(reading) : [];
};
/** What has a key of the scenario, without the places that only its reader knows; then what has a place in a file. */
const linesOf = ({ findings, complaints }: DataFaults): readonly string[] => [
  ...findings.map((finding) => printComplaint({ file: '', line: 0, column: 0, ...finding }).slice(':0:0 '.length)),
  ...complaints,
];

export const sampled = (corpus: Corpus, source: Partial<Tokens> = {}): readonly number[] => {
  const whole = { batch: 1, starts: [0], length: corpus.sequence };
  const tokens: Tokens = { kind: 'tokens', what: 'ids', split: 'train', sequence: 0, at: whole, ...source };
  const into = new Int32Array(tokens.at.batch * tokens.at.starts.length * tokens.at.length);
  sampleTokens(corpus, tokens, into);
  return [...into];
};
export const textOf = (tokens: ArrayLike<number>): string => new TextDecoder().decode(Uint8Array.from(tokens));
