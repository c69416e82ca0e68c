/** What a mixture of experts does beside its dense parts: choosing experts, and moving rows to them and back. */
import type { Balance, ChoiceCounts, ExpertPlaces, Permute, TopK } from '../op/routing.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const topK: Reference<TopK> = (op, inputs, outputs) =>
  op.pass === 'forward' ? choose(op, inputs, outputs) : chooseBackward(op, inputs, outputs);

const choose: Reference<TopK> = ({ tokens, experts, active }, inputs, outputs) => {
  const logits = operand(inputs, 0, tokens * experts);
  const [weights, numbers] = [operand(outputs, 0, tokens * active), operand(outputs, 1, tokens * active)];
  for (let token = 0; token < tokens; token++) {
    const scores = logits.subarray(token * experts, (token + 1) * experts);
    const best = Array.from(scores.keys())
      .sort((one, other) => scores[other]! - scores[one]! || one - other)
      .slice(0, active);
    numbers.set(best, token * active);
    weights.set(softmax(best.map((expert) => scores[expert]!)), token * active);
  }
};

const softmax = (scores: ArrayLike<number>): number[] => {
  const numbers = Array.from(scores);
  const most = Math.max(...numbers);
  const powers = numbers.map((one) => Math.exp(one - most));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((one) => one / sum);
};

const chooseBackward: Reference<TopK> = (op, inputs, outputs) => {
  const { tokens, experts, active, balance } = op;
  const [weights, numbers] = [operand(inputs, 0, tokens * active), operand(inputs, 1, tokens * active)];
  const gradient = operand(inputs, 2, tokens * active);
  const toLogits = operand(outputs, 0, tokens * experts).fill(0, 0, tokens * experts);
  for (let token = 0; token < tokens; token++) {
    const choices = Array.from({ length: active }, (_, choice) => token * active + choice);
    const mean = choices.reduce((sum, at) => sum + weights[at]! * gradient[at]!, 0);
    for (const at of choices) toLogits[token * experts + numbers[at]!] = weights[at]! * (gradient[at]! - mean);
  }
  if (balance === null) return;
  const [logits, counts] = [operand(inputs, 3, tokens * experts), operand(inputs, 4)];
  for (let token = 0; token < tokens; token++)
    addBalance(balance, token, {
      counts,
      scores: logits.subarray(token * experts, (token + 1) * experts),
      into: toLogits.subarray(token * experts, (token + 1) * experts),
    });
};

/** With p the softmax of the scores and n the counts of the sequence: weight p (n - sum of p n). */
const addBalance = (
  { weight, blockRows, sequences }: Balance,
  token: number,
  { counts, scores, into }: { counts: Float64Array; scores: Float64Array; into: Float64Array },
): void => {
  const experts = scores.length;
  const rows = sequences[Math.floor(token / blockRows)]!;
  const chosen = into.map((_, expert) => rows.reduce((sum, row) => sum + counts[row * experts + expert]!, 0));
  const probabilities = softmax(scores);
  const mean = probabilities.reduce((sum, one, expert) => sum + one * chosen[expert]!, 0);
  for (const [expert, one] of probabilities.entries()) into[expert]! += weight * one * (chosen[expert]! - mean);
};

export const choiceCounts: Reference<ChoiceCounts> = ({ tokens, experts, active, blockRows }, inputs, outputs) => {
  const numbers = operand(inputs, 0, tokens * active);
  const counts = operand(outputs, 0, (tokens / blockRows) * experts).fill(0);
  for (let at = 0; at < tokens * active; at++) {
    const block = Math.floor(at / (active * blockRows));
    counts[block * experts + numbers[at]!]! += 1;
  }
};

export const expertPlaces: Reference<ExpertPlaces> = (op, inputs, outputs) => {
  const { tokens, experts, active } = op;
  const numbers = operand(inputs, 0, tokens * active).subarray(0, tokens * active);
  const places = operand(outputs, 0, tokens * active).fill(-1, 0, tokens * active);
  const taken = operand(outputs, 1, experts).fill(0, 0, experts);
  const isTaken = takes(op, numbers, op.capacity === null ? null : operand(inputs, 1));
  let place = 0;
  for (let expert = 0; expert < experts; expert++)
    for (const [at, number] of numbers.entries()) {
      if (number !== expert || !isTaken(at)) continue;
      places[at] = place++;
      taken[expert]! += 1;
    }
};

/** True of a choice that finds room: fewer than the capacity stand before it in its sequence. */
const takes = (
  { experts, active, capacity }: ExpertPlaces,
  numbers: Float64Array,
  counts: Float64Array | null,
): ((at: number) => boolean) => {
  if (capacity === null || counts === null) return () => true;
  const { most, before } = capacity;
  const choices = active * capacity.blockRows;
  return (at) => {
    const expert = numbers[at]!;
    const block = Math.floor(at / choices);
    const elsewhere = before[block]!.reduce((sum, row) => sum + counts[row * experts + expert]!, 0);
    const here = numbers.subarray(block * choices, at).filter((other) => other === expert).length;
    return elsewhere + here < most;
  };
};

export const permute: Reference<Permute> = (op, inputs, outputs) => {
  const { direction, tokens, choices, width } = op;
  const [from, places] = [operand(inputs, 0), operand(inputs, 1, tokens * choices)];
  const to = operand(outputs, 0);
  if (direction === 'gather') to.fill(0, 0, tokens * width);
  for (let at = 0; at < tokens * choices; at++) {
    const [few, many] = [Math.floor(at / choices) * width, places[at]! * width];
    if (many < 0) continue;
    for (let column = 0; column < width; column++)
      if (direction === 'spread') to[many + column] = from[few + column]!;
      else to[few + column]! += from[many + column]!;
  }
};
