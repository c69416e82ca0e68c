/** What a rank that trains asks of the run around it: samples, states, checkpoints, and whoever watches. */
import type { Load, Store, Tokens } from '../../effects/effect.ts';
import type { Tensor } from '../../effects/tensor.ts';
import { elementsOf } from '../../effects/tensor.ts';
import type { Rank } from '../../units/identity.ts';
import type { Instant } from '../../units/quantity.ts';
import type { Arena } from '../arena.ts';
import type { CheckpointFolder } from '../checkpoint/folder.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import type { Progress } from '../checkpoint/manifest.ts';
import { commit, tidy } from '../checkpoint/commit.ts';
import { heldStates, loadStates } from '../checkpoint/held-states.ts';
import { storeRank } from '../checkpoint/store.ts';
import type { Corpus } from '../data/corpus.ts';
import { sampleTokens } from '../data/corpus.ts';
import { operandOf } from '../operand.ts';
import type { Services } from '../services.ts';
import { refuseInfinite } from './divergence.ts';
import type { Observation } from './observation.ts';

export interface TrainingSurroundings {
  readonly rank: Rank;
  readonly arena: Arena;
  readonly now: () => Instant;
  readonly corpus: Corpus;
  readonly source: StatesSource;
  /** Null where nothing is saved. */
  readonly saving: {
    readonly folder: CheckpointFolder;
    readonly ranks: number;
    readonly keep: number | null;
    readonly progressAt: (step: number) => Progress;
    /** The checkpoint of that step is whole. */
    readonly onSaved: (step: number) => void;
  } | null;
  readonly onObservation: (observation: Observation) => 'go on' | 'stop';
}

export const trainingServices = (around: TrainingSurroundings): Services => ({
  load: ({ into, source }: Load) => {
    if (source.kind === 'tokens') loadTokens(around, into, source);
    else loadStates(around.arena.memory.buffer, { into, source }, around.source);
  },
  store: (effect) => storeIn(around, effect),
  observe: ({ subject, step, tensor }) => {
    const numbers = [...floatsOf(around.arena, tensor)];
    return around.onObservation({ subject, step, numbers, at: around.now() });
  },
  route: (found) => found,
  draw: (stream) => {
    throw new Error(`training draws no numbers while it runs, and none of ${stream}`);
  },
  now: around.now,
});

const loadTokens = ({ arena, corpus }: TrainingSurroundings, into: Tensor, source: Tokens): void => {
  const { at } = operandOf(into);
  sampleTokens(corpus, source, new Int32Array(arena.memory.buffer, at, elementsOf(into)));
};

const floatsOf = (arena: Arena, tensor: Tensor): Float32Array =>
  new Float32Array(arena.memory.buffer, operandOf(tensor).at, elementsOf(tensor));

const storeIn = ({ saving, rank, arena }: TrainingSurroundings, { what }: Store): void => {
  if (saving === null) throw new Error(`step ${what.step} is to be saved, and there is nowhere to save it`);
  const { folder, ranks, keep, progressAt, onSaved } = saving;
  if (what.kind === 'commit') {
    commit(folder, { ranks, progress: progressAt(what.step) });
    onSaved(what.step);
    return tidy(folder, what.step, keep);
  }
  const states = what.states.map((one) => heldStates(arena.memory.buffer, one));
  refuseInfinite(states, { step: what.step, rank });
  storeRank(folder, { step: what.step, rank, states });
};
