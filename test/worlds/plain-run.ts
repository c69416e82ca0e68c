/** What is meant where a scenario says nothing of a run. */
import type { RealRun } from '../../src/scenario/real-run.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';

export const PLAIN_RUN: RealRun = {
  training: DEFAULT_TRAINING,
  data: { text: [], jsonl: [], field: 'text', tokenizer: { kind: 'named', name: 'bytes' }, validation: 0.1 },
  checkpoint: null,
  device: 'auto',
  output: null,
};
