/** Phases of a step as tables name them. */
import type { Phase } from '../effects/phase.ts';

export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  matrix: 'matrix products',
  attention: 'attention',
  vector: 'vector',
  optimizer: 'optimizer',
  messages: 'reading messages',
  input: 'input',
  saving: 'saving',
  waiting: 'waiting',
  rest: 'between operations',
};
