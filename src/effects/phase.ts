/** What a rank's time goes to, the same words in both worlds. */
import { CLASSES } from '../kernels/op.ts';
import type { Seconds } from '../units/quantity.ts';

/**
 * `messages`: reading and adding up what others sent; `input`: samples; `saving`: checkpoints; `waiting`: for others, and
 * for a core; `rest`: whatever lies between, such as the programs themselves.
 */
export const PHASES = [
  'matrix',
  'attention',
  'vector',
  'optimizer',
  'messages',
  'input',
  'saving',
  'waiting',
  'rest',
] as const;
export type Phase = (typeof PHASES)[number];
export type Phases = Readonly<Record<Phase, Seconds>>;

const CLASS_OF = new Map<string, Phase>(Object.entries(CLASSES));
const OTHER_LANES: Readonly<Record<string, Phase>> = {
  receive: 'messages',
  idle: 'waiting',
  pcie: 'input',
  storage: 'saving',
};

/** Of what keeps a lane busy, by the name of its operation. */
export const phaseOf = ({ lane, name }: { readonly lane: string; readonly name: string }): Phase => {
  if (lane !== 'compute' && lane !== 'host') return OTHER_LANES[lane] ?? 'rest';
  return name === 'accumulate' ? 'messages' : (CLASS_OF.get(name) ?? 'rest');
};
