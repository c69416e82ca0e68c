/** The optimizer's steps with compiled kernels. */
import type { Operand } from '../backend.ts';
import type { Adam, ClipFactor, Descent, SquaredNorm } from '../op/adam.ts';
import { narrow } from './copy-operations.ts';
import type { Bench, Operation, Role } from './operation.ts';
import { addressOf, either, fp32, lengthOf, none, operandAt } from './operation.ts';

/** Behind the gradients stands the factor. */
const gradientRole = (_: unknown, place: number, inputs: number): Role => (place < inputs - 1 ? 'either' : 'fp32');
/** Weights that are rounded from masters are written as they stand; all else is updated in fp32. */
const updatedRole = ({ master }: Adam | Descent, place: number, inputs: number): Role =>
  master && place < inputs - 1 ? 'any' : 'fp32';

export const adam: Operation<Adam> = {
  inputRole: gradientRole,
  outputRole: updatedRole,
  scratchBytes: none,
  run: (bench, op, inputs, outputs) => {
    const factor = numberAt(bench, addressOf(inputs, -1));
    if (factor === 0) return;
    const pieces = inputs.length - 1;
    for (let piece = 0; piece < pieces; piece++) {
      const gradient = operandAt(inputs, piece);
      const weight = operandAt(outputs, piece);
      const updated = op.master ? addressOf(outputs, pieces + piece) : weight.at;
      const first = addressOf(outputs, piece - 2 * pieces);
      const second = addressOf(outputs, piece - pieces);
      const state = [first, second, lengthOf(gradient), ...constantsOf(op, piece, factor)] as const;
      const { adam: update, adamRounding } = bench.inFormat[gradient.dtype === 'bf16' ? 'bf16' : 'fp32'];
      if (op.master && weight.dtype === 'bf16') adamRounding(gradient.at, updated, weight.at, ...state);
      else {
        update(gradient.at, updated, ...state);
        if (op.master) publish(bench.kernels, weight, updated, lengthOf(gradient));
      }
    }
  },
};

/** As the compiled kernel takes them; `assembly/adam.ts` has the formula. */
const constantsOf = ({ rates, decays }: Adam, piece: number, factor: number) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = rates;
  const rate = learningRate / (1 - beta1 ** step);
  const inverse = 1 / (1 - beta2 ** step);
  const keep = 1 - (decays[piece]! ? learningRate * weightDecay : 0);
  return [factor, 1 - beta1, 1 - beta2, rate, inverse, epsilon, keep] as const;
};

export const descent: Operation<Descent> = {
  inputRole: gradientRole,
  outputRole: updatedRole,
  scratchBytes: none,
  run: (bench, { learningRate, master }, inputs, outputs) => {
    const factor = numberAt(bench, addressOf(inputs, -1));
    if (factor === 0) return;
    const pieces = inputs.length - 1;
    for (let piece = 0; piece < pieces; piece++) {
      const gradient = operandAt(inputs, piece);
      const weight = operandAt(outputs, piece);
      const updated = master ? addressOf(outputs, pieces + piece) : weight.at;
      const elements = lengthOf(gradient);
      const { descent: descend } = bench.inFormat[gradient.dtype === 'bf16' ? 'bf16' : 'fp32'];
      descend(gradient.at, updated, elements, learningRate * factor);
      if (master) publish(bench.kernels, weight, updated, elements);
    }
  },
};

/** Makes the weights of their masters. */
const publish = (kernels: Bench['kernels'], weight: Operand, master: number, elements: number): void => {
  if (weight.dtype === 'fp32') kernels.copyBytes(master, weight.at, 4 * elements);
  else narrow(kernels, weight.dtype, { from: master, to: weight.at, elements });
};

export const squaredNorm: Operation<SquaredNorm> = {
  inputRole: either,
  outputRole: fp32,
  scratchBytes: none,
  run: ({ memory, inFormat }, _, inputs, outputs) => {
    let sum = 0;
    for (const input of inputs) {
      const { squaredNorm: normOf } = inFormat[input.dtype === 'bf16' ? 'bf16' : 'fp32'];
      sum += normOf(input.at, lengthOf(input));
    }
    new Float32Array(memory.buffer, addressOf(outputs, 0), 1)[0] = sum;
  },
};

export const clipFactor: Operation<ClipFactor> = {
  inputRole: fp32,
  outputRole: fp32,
  scratchBytes: none,
  run: ({ kernels }, { norm, scale }, inputs, outputs) =>
    kernels.clipFactor(addressOf(inputs, 0), addressOf(outputs, 0), norm ?? Infinity, scale),
};

const numberAt = ({ memory }: Bench, at: number): number => new Float32Array(memory.buffer, at, 1)[0]!;
