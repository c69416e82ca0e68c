/** Operations on the processor's vectors, by kernels compiled to WebAssembly; products natively where a library is given. */
import type { Backend, Operand } from '../backend.ts';
import type { Op } from '../op.ts';
import { classOf } from '../op.ts';
import type { OpClass } from '../op/cost.ts';
import { AngleTable } from './angle-table.ts';
import type { Format } from './element-kernels.ts';
import { kernelsIn } from './element-kernels.ts';
import type { Kernels, SharedMemory } from './module.ts';
import { compiledMultiply, nativeMultiply } from './multiply.ts';
import type { Bench, Operation } from './operation.ts';
import { operationOf } from './operations.ts';
import type { NativeGemm } from './product.ts';
import { aligned, needsShadow, shadowBytes, Shadows } from './shadow.ts';

/** Where the backend may write while an operation runs, beside whatever programs allocate. */
export interface Workspace {
  /** The address, a multiple of 64, of at least so many bytes; nothing is kept in them from one call to the next. */
  reserve(bytes: number): number;
}

/** What the backend has done since it was made. */
export interface Profile {
  readonly operations: number;
  /** The most that was asked of the workspace at once, in bytes. */
  readonly workspaceMax: number;
  /** Zeros without a clock. */
  readonly seconds: Readonly<Record<OpClass, number>>;
}

export interface WasmBackend extends Backend {
  readonly profile: Profile;
}

export const wasmBackend = ({
  memory,
  kernels,
  workspace,
  native = null,
  clock = null,
}: {
  readonly memory: SharedMemory;
  /** On that memory. */
  readonly kernels: Kernels;
  readonly workspace: Workspace;
  readonly native?: NativeGemm | null;
  /** Tells seconds, twice for each operation; null where nobody asks what takes how long. */
  readonly clock?: (() => number) | null;
}): WasmBackend => {
  const seconds = { matrix: 0, attention: 0, vector: 0, optimizer: 0 };
  const profile = { operations: 0, workspaceMax: 0, seconds };
  const bench = benchOf(memory, kernels, native);

  const reserve = (bytes: number): number => {
    profile.workspaceMax = Math.max(profile.workspaceMax, bytes);
    return workspace.reserve(bytes);
  };

  const run = (op: Op, inputs: readonly Operand[], outputs: readonly Operand[]): void => {
    const operation = operationOf(op);
    const request = { operation, op, inputs, outputs };
    const format = formatOf(request);
    const own = aligned(operation.scratchBytes(op, inputs, outputs));
    const shadows = shadowBytesOf(request, format);
    bench.format = format;
    bench.formatted = bench.inFormat[format];
    bench.scratch = own + shadows === 0 ? 0 : reserve(own + shadows);
    if (shadows === 0) operation.run(bench, op, inputs, outputs);
    else runOnShadows(bench, request, new Shadows(kernels, bench.scratch + own));
  };

  const runOnce = clock === null ? run : timed(run, clock, seconds);
  return {
    name: native === null ? 'wasm' : `wasm with ${native.name}`,
    profile,
    run: (op, inputs, outputs) => {
      profile.operations++;
      runOnce(op, inputs, outputs);
    },
  };
};

const timed =
  (run: Backend['run'], clock: () => number, seconds: Record<OpClass, number>): Backend['run'] =>
  (op, inputs, outputs) => {
    const start = clock();
    run(op, inputs, outputs);
    seconds[classOf(op)] += clock() - start;
  };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One bench serves all operations: making one for each would cost more than a small operation does. */
const benchOf = (memory: SharedMemory, kernels: Kernels, native: NativeGemm | null): Mutable<Bench> => {
  const inFormat = { fp32: kernelsIn('fp32', kernels), bf16: kernelsIn('bf16', kernels) };
  const multiply = native === null ? compiledMultiply(kernels) : nativeMultiply(native, kernels);
  const angles = new AngleTable();
  return { kernels, memory, inFormat, multiply, angles, format: 'fp32', formatted: inFormat.fp32, scratch: 0 };
};

interface Request {
  readonly operation: Operation<Op>;
  readonly op: Op;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
}

/** bf16 if there are operands of role `same` and all of them are. */
const formatOf = ({ operation, op, inputs, outputs }: Request): Format => {
  let found = false;
  for (let place = 0; place < inputs.length; place++)
    if (operation.inputRole(op, place, inputs.length) === 'same') {
      if (inputs[place]!.dtype !== 'bf16') return 'fp32';
      found = true;
    }
  for (let place = 0; place < outputs.length; place++)
    if (operation.outputRole(op, place, inputs.length) === 'same') {
      if (outputs[place]!.dtype !== 'bf16') return 'fp32';
      found = true;
    }
  return found ? 'bf16' : 'fp32';
};

const shadowBytesOf = ({ operation, op, inputs, outputs }: Request, format: Format): number => {
  let bytes = 0;
  for (let place = 0; place < inputs.length; place++)
    if (needsShadow(inputs[place]!.dtype, operation.inputRole(op, place, inputs.length), format))
      bytes += shadowBytes(inputs[place]!);
  for (let place = 0; place < outputs.length; place++)
    if (needsShadow(outputs[place]!.dtype, operation.outputRole(op, place, inputs.length), format))
      bytes += shadowBytes(outputs[place]!);
  return bytes;
};

const runOnShadows = (bench: Bench, { operation, op, inputs, outputs }: Request, shadows: Shadows): void => {
  const count = inputs.length;
  const isShadowed = ({ dtype }: Operand, role: ReturnType<Operation<Op>['inputRole']>): boolean =>
    needsShadow(dtype, role, bench.format);
  const from = inputs.map((input, place) =>
    isShadowed(input, operation.inputRole(op, place, count)) ? shadows.of(input) : input,
  );
  const to = outputs.map((output, place) =>
    isShadowed(output, operation.outputRole(op, place, count)) ? shadows.of(output) : output,
  );
  operation.run(bench, op, from, to);
  shadows.settle(outputs);
};
