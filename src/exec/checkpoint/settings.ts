/** What a checkpoint says of its run beside how far it is, taken from the run: once to store it, once to compare. */
import { createHash } from 'node:crypto';
import type { Job } from '../../scenario/job.ts';
import type { Tokenizer } from '../../scenario/real-run.ts';
import type { Corpus } from '../data/corpus.ts';
import type { Progress, StoredData } from './manifest.ts';

export type Settings = Omit<Progress, 'step' | 'sequence'>;

export const settingsOf = ({ model, layout, precision, training, workload }: Job, data: StoredData): Settings => {
  const { seed, validation: _, ...learning } = training;
  return {
    model: { ...model },
    layout: { ...layout },
    precision,
    training: learning,
    seed,
    data,
    batch: workload.globalBatch,
  };
};

/** The tokens themselves tell texts and tokenizers apart: their names and places do not, for both can be moved. */
export const dataOf = ({ tokens, splits, sequence, tokenizerFile }: Corpus, tokenizer: Tokenizer): StoredData => ({
  tokenizer: tokenizer.kind === 'named' ? tokenizer.name : tokenizer.path,
  tokenizerFile,
  tokens: createHash('sha256').update(tokens).digest('hex'),
  trainTokens: splits.train.tokens,
  validationTokens: splits.validation.tokens,
  sequence,
});
