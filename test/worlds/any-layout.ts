/** Tensors of a model, the ways in which ranks share them, and checkpoints of such: what the laws of checkpoints are tried on. */
import fc from 'fast-check';
import type { Share, ShareRun, State } from '../../src/effects/share.ts';
import { elementsOfShape } from '../../src/effects/share.ts';
import type { Dtype } from '../../src/kernels/dtype.ts';
import { commit, tidy } from '../../src/exec/checkpoint/commit.ts';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { fromFloats, floatTypeOf } from '../../src/exec/checkpoint/floats.ts';
import type { Progress } from '../../src/exec/checkpoint/manifest.ts';
import { elementsOfPart, rangesOf } from '../../src/exec/checkpoint/ranges.ts';
import type { HeldStates } from '../../src/exec/checkpoint/store.ts';
import { storeRank } from '../../src/exec/checkpoint/store.ts';

/** A tensor before it is shared: rows of `groups` parts, each of which every number of ranks up to 4 can divide. */
export interface Whole {
  readonly name: string;
  readonly outer: number;
  readonly groups: readonly number[];
  readonly inner: number;
  /** False for a vocabulary, which ranks pad until it divides. */
  readonly divides: boolean;
}
const DIVISIBLE = 12;

const anyWhole = (name: string): fc.Arbitrary<Whole> =>
  fc.oneof(
    fc.record({
      name: fc.constant(name),
      outer: fc.integer({ min: 1, max: 4 }),
      groups: fc.array(
        fc.integer({ min: 1, max: 2 }).map((factor) => factor * DIVISIBLE),
        { minLength: 1, maxLength: 3 },
      ),
      inner: fc.integer({ min: 1, max: 3 }),
      divides: fc.constant(true),
    }),
    fc.record({
      name: fc.constant(name),
      outer: fc.integer({ min: 1, max: 2 }),
      groups: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 1 }),
      inner: fc.integer({ min: 1, max: 3 }),
      divides: fc.constant(false),
    }),
  );
export const anyModel = fc
  .integer({ min: 1, max: 3 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyWhole(`layers.${index}.weight`))));

export const shapeOf = ({ outer, groups, inner }: Whole): readonly number[] => [
  outer,
  groups.reduce((sum, group) => sum + group, 0),
  inner,
];

export const shareOf = (whole: Whole, ranks: number, index: number): Share => {
  const groups = whole.divides ? whole.groups : whole.groups.map((group) => Math.ceil(group / ranks) * ranks);
  return {
    ...whole,
    shape: shapeOf(whole),
    groups,
    ranks,
    index,
    present: whole.groups.reduce((sum, group) => sum + group, 0),
    initial: { kind: 'normal', deviation: 0.02 },
    decays: true,
  };
};

/** How a model is laid out: so many tensor ranks, and the cuts at which data ranks share each part, in parts of 1. */
export interface TestLayout {
  readonly tensorRanks: number;
  readonly cuts: readonly number[];
}
export const anyLayout: fc.Arbitrary<TestLayout> = fc.record({
  tensorRanks: fc.constantFrom(1, 2, 3, 4),
  cuts: fc
    .array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
    .map((cuts) => cuts.toSorted((a, b) => a - b)),
});

/** By rank, what it holds of the model. */
export const runsOf = (
  model: readonly Whole[],
  { tensorRanks, cuts }: TestLayout,
): readonly (readonly ShareRun[])[] => {
  const bounds = [0, ...cuts, 1];
  return Array.from({ length: tensorRanks }, (_, index) =>
    cuts.concat(1).map((_cut, data) =>
      model.map((whole): ShareRun => {
        const share = shareOf(whole, tensorRanks, index);
        const size = elementsOfPart(share);
        const start = Math.floor(size * bounds[data]!);
        return { share, start, length: Math.floor(size * bounds[data + 1]!) - start };
      }),
    ),
  ).flat();
};

/** A value an element that fp32, and so no layout, can mistake for another's. */
export const valueAt = (state: State, tensor: number, element: number): number =>
  (state.length * 1000 + tensor * 100 + element) / 64 + 1;
export const wholeValues = (state: State, tensor: number, whole: Whole): Float32Array =>
  Float32Array.from({ length: elementsOfShape(shapeOf(whole)) }, (_, element) => valueAt(state, tensor, element));

/** The rank's memory: padding holds what must never be seen again. */
export const heldBy = (
  runs: readonly ShareRun[],
  model: readonly Whole[],
  { state, dtype }: { readonly state: State; readonly dtype: Dtype },
): HeldStates => {
  const parts = runs.map((run) => {
    const values = new Float32Array(run.length).fill(666);
    const tensor = model.findIndex(({ name }) => name === run.share.name);
    for (const { local, whole, length } of rangesOf(run))
      for (let i = 0; i < length; i += 1) values[local + i] = valueAt(state, tensor, whole + i);
    return fromFloats(values, floatTypeOf(dtype));
  });
  return { state, dtype, runs, bytes: Buffer.concat(parts) };
};

export const STORED_STATES = ['weight', 'first moment', 'second moment'] as const;
export const progressAt = (step: number): Progress => ({
  step,
  model: { name: 'small', hidden: 8, experts: null },
  layout: { tp: 1 },
  precision: 'fp32',
  seed: 7,
  training: { learningRate: 3e-3 },
  data: { tokenizer: 'bytes', tokens: 'a1b2c3d4e5', trainTokens: 90, validationTokens: 10, sequence: 8 },
  batch: 4,
  sequence: step * 4,
});

/** Every rank stores its part, and the last one makes a checkpoint of it. */
export const storeAll = (
  folder: CheckpointFolder,
  {
    model,
    layout,
    step,
    keep = null,
  }: {
    readonly model: readonly Whole[];
    readonly layout: TestLayout;
    readonly step: number;
    readonly keep?: number | null;
  },
): void => {
  const ranks = runsOf(model, layout);
  for (const [rank, runs] of ranks.entries()) {
    const states = STORED_STATES.map((state) => heldBy(runs, model, { state, dtype: 'fp32' }));
    storeRank(folder, { step, rank, states });
  }
  commit(folder, { ranks: ranks.length, progress: progressAt(step) });
  tidy(folder, step, keep);
};
