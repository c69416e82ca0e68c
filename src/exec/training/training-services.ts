/** What a rank that trains asks of the run around it: samples, states, checkpoints, and whoever watches. */
import type { Load, Observe, States, Store, Tokens } from '../../effects/effect.ts';
import type { Tensor } from '../../effects/tensor.ts';
import { elementsOf, sizeOf } from '../../effects/tensor.ts';
import { writeNumbers } from '../../kernels/number-format.ts';
import type { Rank } from '../../units/identity.ts';
import type { Instant } from '../../units/quantity.ts';
import type { Arena } from '../arena.ts';
import type { CheckpointFolder } from '../checkpoint/folder.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import type { Progress } from '../checkpoint/manifest.ts';
import { commit } from '../checkpoint/commit.ts';
import { storeRank } from '../checkpoint/store.ts';
import type { Corpus } from '../data/corpus.ts';
import { sampleTokens } from '../data/corpus.ts';
import { operandOf } from '../operand.ts';
import type { Services } from '../services.ts';

/** A report of the supervisor, as whoever watches gets it. */
export interface Observation {
  readonly subject: Observe['subject'];
  readonly step: number;
  /** Row by row, a rank's numbers in each. */
  readonly numbers: readonly number[];
  readonly at: Instant;
}

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
  } | null;
  readonly onObservation: (observation: Observation) => 'go on' | 'stop';
}

export const trainingServices = (around: TrainingSurroundings): Services => ({
  load: ({ into, source }: Load) => {
    if (source.kind === 'tokens') loadTokens(around, into, source);
    else loadStates(around, into, source);
  },
  store: (effect) => storeIn(around, effect),
  observe: ({ subject, step, tensor }) => {
    const numbers = [...floatsOf(around.arena, tensor)];
    return around.onObservation({ subject, step, numbers, at: around.now() });
  },
  mark: () => undefined,
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

const loadStates = ({ arena, source }: TrainingSurroundings, into: Tensor, { state, runs }: States): void => {
  const { at, dtype } = operandOf(into);
  const isPlain = dtype === 'fp32';
  const length = elementsOf(into);
  const values = isPlain ? new Float32Array(arena.memory.buffer, at, length) : new Float32Array(length);
  let start = 0;
  for (const run of runs()) {
    source.read(state, run, values.subarray(start, start + run.length));
    start += run.length;
  }
  if (start !== length) throw new RangeError(`${start} elements of the ${state} for a tensor of ${length}`);
  if (!isPlain) writeNumbers(arena.memory.buffer, { dtype, at, length }, values);
};

const floatsOf = (arena: Arena, tensor: Tensor): Float32Array =>
  new Float32Array(arena.memory.buffer, operandOf(tensor).at, elementsOf(tensor));

const storeIn = ({ saving, rank, arena }: TrainingSurroundings, { what }: Store): void => {
  if (saving === null) throw new Error(`step ${what.step} is to be saved, and there is nowhere to save it`);
  const { folder, ranks, keep, progressAt } = saving;
  if (what.kind === 'commit') return commit(folder, { ranks, keep, progress: progressAt(what.step) });
  const states = what.states.map(({ tensor, state, runs }) => ({
    state,
    dtype: tensor.dtype,
    runs: runs(),
    bytes: arena.view(operandOf(tensor).at, sizeOf(tensor)),
  }));
  storeRank(folder, { step: what.step, rank, states });
};
