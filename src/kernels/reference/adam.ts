/** The optimizer's steps, and the norm that gradients are clipped by. */
import type { Adam, ClipFactor, Descent, SquaredNorm } from '../op/adam.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

/** Algorithm 2 of Loshchilov and Hutter 2019, with decay by the learning rate times the weight. */
export const adam: Reference<Adam> = (op, inputs, outputs) => {
  const { gradients, factor, updated } = piecesOf(op, inputs, outputs);
  if (factor === 0) return;
  const pieces = gradients.length;
  const [firsts, seconds] = [outputs.slice(-2 * pieces, -pieces), outputs.slice(-pieces)];
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = op.rates;
  for (const [piece, gradient] of gradients.entries()) {
    const [first, second] = [operand(firsts, piece, gradient.length), operand(seconds, piece, gradient.length)];
    const decay = op.decays[piece]! ? weightDecay : 0;
    for (const [index, one] of gradient.entries()) {
      const scaled = one * factor;
      const average = beta1 * first[index]! + (1 - beta1) * scaled;
      const square = beta2 * second[index]! + (1 - beta2) * scaled ** 2;
      const mean = average / (1 - beta1 ** step);
      const deviation = Math.sqrt(square / (1 - beta2 ** step));
      first[index] = average;
      second[index] = square;
      updated(piece, index, (weight) => weight - learningRate * (mean / (deviation + epsilon) + decay * weight));
    }
  }
};

export const descent: Reference<Descent> = (op, inputs, outputs) => {
  const { gradients, factor, updated } = piecesOf(op, inputs, outputs);
  if (factor === 0) return;
  for (const [piece, gradient] of gradients.entries())
    for (const [index, one] of gradient.entries())
      updated(piece, index, (weight) => weight - op.learningRate * factor * one);
};

interface Pieces {
  readonly gradients: readonly Float64Array[];
  /** That a factor is 0 says that the gradients are no numbers, which no product may meet. */
  readonly factor: number;
  /** Updates the master, if there is one, and the weight from it. */
  readonly updated: (piece: number, index: number, step: (weight: number) => number) => void;
}
const piecesOf = (
  { master }: Pick<Adam | Descent, 'master'>,
  inputs: readonly Float64Array[],
  outputs: readonly Float64Array[],
): Pieces => {
  const gradients = inputs.slice(0, -1);
  return {
    gradients,
    factor: operand(inputs, -1, 1)[0]!,
    updated: (piece, index, step) => {
      const weights = operand(outputs, piece);
      const masters = master ? operand(outputs, gradients.length + piece) : weights;
      masters[index] = weights[index] = step(masters[index]!);
    },
  };
};

export const squaredNorm: Reference<SquaredNorm> = (_, inputs, outputs) => {
  let sum = 0;
  for (const input of inputs) for (const one of input) sum += one ** 2;
  operand(outputs, 0, 1)[0] = sum;
};

export const clipFactor: Reference<ClipFactor> = ({ norm, scale }, inputs, outputs) => {
  const sum = operand(inputs, 0, 1)[0]!;
  const isFree = norm === null && scale === 1;
  operand(outputs, 0, 1)[0] = isFree || Number.isFinite(sum) ? factorOf(Math.sqrt(sum), norm, scale) : 0;
};
const factorOf = (length: number, norm: number | null, scale: number): number =>
  norm === null || length <= norm * scale ? 1 / scale : norm / length;
