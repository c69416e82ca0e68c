/** Between the flat tensors of a rank's memory, of which effects speak, and the runs of which checkpoints consist. */
import type { States, StoredStates } from '../../effects/effect.ts';
import type { State } from '../../effects/share.ts';
import type { Tensor } from '../../effects/tensor.ts';
import { elementsOf } from '../../effects/tensor.ts';
import { DTYPE_BYTES } from '../../kernels/dtype.ts';
import { operandOf } from '../operand.ts';
import { floatTypeOf, fromFloats } from './floats.ts';
import { initialise } from './initial-values.ts';
import type { StatesSource } from './reader.ts';
import type { HeldStates } from './store.ts';

/** What a store effect names, where it lies: nothing is copied. */
export const heldStates = (memory: ArrayBufferLike, { tensor, state, runs }: StoredStates): HeldStates => ({
  state,
  dtype: tensor.dtype,
  runs: runs(),
  bytes: bytesOf(memory, tensor),
});

/** Answers a load effect: each run from the source, rounded to the tensor's format, and zeros behind the last. */
export const loadStates = (
  memory: ArrayBufferLike,
  { into, source }: { readonly into: Tensor; readonly source: States },
  from: StatesSource,
): void => {
  const bytes = bytesOf(memory, into);
  const type = floatTypeOf(into.dtype);
  let at = 0;
  for (const run of source.runs()) {
    const values = new Float32Array(run.length);
    from.read(source.state, run, values);
    const loaded = fromFloats(values, type);
    bytes.set(loaded, at);
    at += loaded.length;
  }
  bytes.fill(0, at);
};

const bytesOf = (memory: ArrayBufferLike, tensor: Tensor): Uint8Array =>
  new Uint8Array(memory, operandOf(tensor).at, elementsOf(tensor) * DTYPE_BYTES[tensor.dtype]);

/** What a new run begins with: weights and master weights by its seed, and moments of nothing. */
export const initialStates = (seed: number): StatesSource => ({
  read: (state, run, into) => {
    if (IS_MOMENT[state]) into.fill(0);
    else initialise(run, seed, into);
  },
  close: () => undefined,
});
const IS_MOMENT: Readonly<Record<State, boolean>> = {
  weight: false,
  master: false,
  'first moment': true,
  'second moment': true,
};
