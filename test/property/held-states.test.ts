/** Laws of a rank's memory and its checkpoints: what was stored from one memory is loaded into another. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { State } from '../../src/effects/share.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { readNumbers } from '../../src/kernels/number-format.ts';
import { commit } from '../../src/exec/checkpoint/commit.ts';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { latestIn, openFolder } from '../../src/exec/checkpoint/folder.ts';
import { heldStates, initialStates, loadStates } from '../../src/exec/checkpoint/held-states.ts';
import { CheckpointReader } from '../../src/exec/checkpoint/reader.ts';
import { storeRank } from '../../src/exec/checkpoint/store.ts';
import { blockId } from '../../src/units/identity.ts';
import { bytes } from '../../src/units/quantity.ts';
import { anyLayout, anyModel, progressAt, runsOf } from '../worlds/any-layout.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';

type Narrow = 'fp32' | 'bf16' | 'fp16';
const AT = 64;
/** `padding` elements stand behind what the runs need, and the block begins `AT` bytes into the memory. */
const tensorFor = (
  elements: number,
  dtype: Narrow,
): { readonly memory: SharedArrayBuffer; readonly tensor: Tensor } => {
  const size = bytes((elements + 2) * DTYPE_BYTES[dtype]);
  const block = { id: blockId(1), size, purpose: 'weights', at: AT } as const;
  const memory = new SharedArrayBuffer(AT + size);
  new Uint8Array(memory).fill(0x3f);
  return { memory, tensor: { shape: [elements], dtype, block, offset: 2 } };
};
const numbersIn = (memory: SharedArrayBuffer, { dtype, shape, offset }: Tensor): readonly number[] => [
  ...readNumbers(memory, { dtype, at: AT + offset * DTYPE_BYTES[dtype], length: shape[0]! }),
];

test('what a rank began with, stored and loaded again, is the same in any format, with zeros behind it', () => {
  const anyDtype = fc.constantFrom<Narrow>('fp32', 'bf16', 'fp16');
  fc.assert(
    fc.property(anyModel, anyLayout, anyDtype, fc.nat(3), (model, layout, dtype, padding) => {
      const folder: CheckpointFolder = { disk: memoryDisk(), path: '/checkpoints', run: 'a-run' };
      openFolder(folder);
      const ranks = runsOf(model, layout).map((runs) => {
        const size = runs.reduce((sum, { length }) => sum + length, padding);
        const { memory, tensor } = tensorFor(size, dtype);
        loadStates(
          memory,
          { into: tensor, source: { kind: 'states', state: 'weight', runs: () => runs } },
          initialStates(3),
        );
        return { runs, size, memory, tensor };
      });
      for (const [rank, { memory, tensor, runs }] of ranks.entries())
        storeRank(folder, {
          step: 1,
          rank,
          states: [heldStates(memory, { tensor, state: 'weight', runs: () => runs })],
        });
      commit(folder, { ranks: ranks.length, progress: progressAt(1) });
      const reader = new CheckpointReader(folder.disk, latestIn(folder.disk, folder.path)!);
      for (const { runs, size, memory, tensor } of ranks) {
        const again = tensorFor(size, dtype);
        loadStates(
          again.memory,
          { into: again.tensor, source: { kind: 'states', state: 'weight', runs: () => runs } },
          reader,
        );
        expect(numbersIn(again.memory, again.tensor)).toEqual(numbersIn(memory, tensor));
        expect(numbersIn(memory, tensor).slice(size - padding)).toEqual(new Array<number>(padding).fill(0));
        // What stands in front of the tensor is not its own.
        expect(new Uint8Array(again.memory)[AT]).toBe(0x3f);
      }
    }),
  );
});

test('a new run has its weights twice, as master weights too, and moments of nothing', () => {
  const [runs] = runsOf([{ name: 'w', outer: 2, groups: [12], inner: 1, divides: true }], { tensorRanks: 1, cuts: [] });
  const of = (state: State): readonly number[] => {
    const into = new Float32Array(24).fill(NaN);
    initialStates(1).read(state, runs![0]!, into);
    return [...into];
  };
  expect(of('master')).toEqual(of('weight'));
  expect(new Set(of('weight')).size).toBe(24);
  for (const moment of ['first moment', 'second moment'] as const) expect(of(moment)).toEqual(new Array(24).fill(0));
});
