/** Laws of the reference's gradients: in every direction they say how fast the forward operation changes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Op } from '../../src/kernels/op.ts';
import type { Columns } from '../../src/kernels/op/positions.ts';
import type { Numbers } from '../worlds/applied.ts';
import { applied, dot, drawn, valuesOf, zeros } from '../worlds/applied.ts';
import { anyAttentionShape, anySeed, attentionForward } from '../worlds/attention-operations.ts';
import type { Trial } from '../worlds/filled.ts';
import { Draw } from '../worlds/filled.ts';
import { OPERATIONS } from '../worlds/operations.ts';

const STEP = 1e-5;
const TOLERANCE = 1e-6;

/** Compares each gradient with central differences of `loss` along a random direction. */
const expectSlopes = (
  loss: (inputs: readonly Numbers[]) => number,
  at: readonly Numbers[],
  { gradients, draw }: { gradients: readonly Numbers[]; draw: Draw },
): void => {
  for (const [index, gradient] of gradients.entries()) {
    const direction = drawn(draw, gradient.length);
    const moved = (step: number): number =>
      loss(at.map((input, other) => (other === index ? input.map((one, i) => one + step * direction[i]!) : input)));
    const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP);
    const wanted = dot(gradient, direction);
    const size = gradient.reduce((sum, one, i) => sum + Math.abs(one * direction[i]!), 1);
    if (!(Math.abs(slope - wanted) <= TOLERANCE * size))
      expect.fail(`along input ${index} the slope is ${slope}, and by its gradient ${wanted}`);
  }
};

/** The sum of the first output's elements, each with a weight of its own: these are its gradient. */
const weightedBy =
  (op: Op, before: readonly Numbers[], weights: Numbers) =>
  (inputs: readonly Numbers[]): number =>
    dot(applied(op, inputs, before)[0]!, weights);

const forwardOf = (kind: 'norm' | 'activation' | 'embedding'): fc.Arbitrary<Trial> =>
  OPERATIONS[kind]('fp32').filter(({ op }) => op.kind === kind && op.pass === 'forward');
const backwardOf = (op: Op): Op => ({ ...op, pass: 'backward' }) as Op;

test('the gradients of norms are their slopes, of whole rows and of heads within them', () => {
  fc.assert(
    fc.property(forwardOf('norm'), anySeed, ({ op, inputs, outputs }, seed) => {
      if (op.kind !== 'norm') return;
      const draw = new Draw(seed);
      const at = valuesOf(inputs);
      const weights = drawn(draw, outputs[0]!.values.length);
      // What a norm over heads leaves as it was says nothing of its inputs.
      const loss = weightedBy(op, [zeros(weights.length)], weights);
      const gain = at[op.heads === null ? 1 : 2]!;
      const read = op.heads === null ? [at[0]!, gain, weights] : [...at.slice(0, 2), gain, weights];
      const rest = [zeros(gain.length), ...(op.norm === 'layernorm' ? [zeros(gain.length)] : [])];
      const [toInput, ...toRest] = applied(backwardOf(op), read, [weights, ...rest]);
      if (op.heads === null) {
        expectSlopes(loss, at, { gradients: [toInput!, ...toRest], draw });
        return;
      }
      const { from, to, perRow } = op.heads;
      const within = at.slice(0, 2).map((one) => zeros(one.length));
      move({ from: to, to: from, width: perRow * op.hidden }, toInput!, within);
      expectSlopes(loss, at, { gradients: [...within, ...toRest], draw });
    }),
  );
});

/** Lays the columns of a tensor into those of one among several. */
const move = (
  { from, to, width }: { from: Omit<Columns, 'tensor'>; to: Columns; width: number },
  source: Numbers,
  into: readonly Numbers[],
): void => {
  for (let row = 0; row * from.stride < source.length; row++) {
    const start = row * from.stride + from.start;
    into[to.tensor]!.set(source.subarray(start, start + width), row * to.stride + to.start);
  }
};

test('the gradients of activations are their slopes, gated or not, of rows with weights or without', () => {
  fc.assert(
    fc.property(forwardOf('activation'), anySeed, ({ op, inputs, outputs }, seed) => {
      const draw = new Draw(seed);
      // Differences across the corner of a rectifier are no gradient.
      const at = valuesOf(inputs).map((one) => one.map((x) => (Math.abs(x) < 1e-3 ? x + 0.01 : x)));
      const weights = drawn(draw, outputs[0]!.values.length);
      const before = at.map((one) => zeros(one.length).fill(NaN));
      const gradients = applied(backwardOf(op), [...at, weights], before);
      expectSlopes(weightedBy(op, valuesOf(outputs), weights), at, { gradients, draw });
    }),
  );
});

test('the gradients of embeddings are their slopes, of words and of positions', () => {
  fc.assert(
    fc.property(forwardOf('embedding'), anySeed, ({ op, inputs, outputs }, seed) => {
      const draw = new Draw(seed);
      const [ids, ...tables] = valuesOf(inputs);
      const weights = drawn(draw, outputs[0]!.values.length);
      const before = tables.map((table) => zeros(table.length));
      const gradients = applied(backwardOf(op), [ids!, weights], before);
      const loss = weightedBy(op, valuesOf(outputs), weights);
      expectSlopes((moved) => loss([ids!, ...moved]), tables, { gradients, draw });
    }),
  );
});

test('the gradients of products are their slopes, with columns spread over tensors, and of their bias', () => {
  fc.assert(
    fc.property(OPERATIONS.matmul('fp32'), anySeed, ({ op, inputs, outputs }, seed) => {
      if (op.kind !== 'matmul' || op.transpose !== 'nn' || op.accumulates) return;
      const draw = new Draw(seed);
      const at = valuesOf(inputs);
      const { m, n, k, batch } = op;
      const weights = valuesOf(outputs).map((one) => drawn(draw, one.length));
      const loss = (moved: readonly Numbers[]): number =>
        applied(op, moved, valuesOf(outputs)).reduce((sum, one, index) => sum + dot(one, weights[index]!), 0);
      const plain = { ...op, bias: false };
      const [toLeft] = applied({ ...plain, transpose: 'nt', n: k, k: n }, [...weights, at[1]!], [zeros(batch * m * k)]);
      const [toRight] = applied(
        { ...plain, transpose: 'tn', m: k, k: m },
        [at[0]!, ...weights],
        [zeros(batch * k * n)],
      );
      const biasOp: Op = { kind: 'bias-gradient', rows: batch * m, columns: n, dtype: 'fp32' };
      const toBias = op.bias && batch === 1 ? applied(biasOp, weights, [zeros(n)]) : [];
      expectSlopes(loss, at, { gradients: [toLeft!, toRight!, ...toBias], draw });
    }),
  );
});

test('the gradients of attention are its slopes, behind masks and windows, with sinks, its heads in groups', () => {
  fc.assert(
    fc.property(anyAttentionShape, (shape) => {
      const { op, inputs, outputs } = attentionForward(shape, 'fp32');
      const draw = new Draw(shape.seed);
      const at = valuesOf(inputs);
      const [output, sums] = applied(op, at, valuesOf(outputs));
      const weights = drawn(draw, output!.length);
      const [queryWidth, keyWidth, valueWidth] = [
        op.heads * op.keyDim,
        op.kvHeads * op.keyDim,
        op.kvHeads * op.valueDim,
      ];
      const rowWidth = keyWidth + valueWidth;
      const before = [
        zeros(op.batch * op.queries * queryWidth).fill(NaN),
        zeros(op.batch * op.keys * rowWidth).fill(NaN),
        zeros(op.heads),
      ];
      const [toQueries, toKeys, toSinks] = applied(backwardOf(op), [...at, output!, sums!, weights], before);
      const gradients = at.map((one) => zeros(one.length));
      if (op.sinks) gradients.splice(-1, 1, toSinks!);
      move({ from: { start: 0, stride: queryWidth }, to: op.query, width: queryWidth }, toQueries!, gradients);
      move({ from: { start: 0, stride: rowWidth }, to: op.key, width: keyWidth }, toKeys!, gradients);
      move({ from: { start: keyWidth, stride: rowWidth }, to: op.value, width: valueWidth }, toKeys!, gradients);
      expectSlopes(weightedBy(op, valuesOf(outputs), weights), at, { gradients, draw });
    }),
  );
});

test('the gradients of the loss are its slopes, over a vocabulary whole or spread over ranks with padding', () => {
  const anyRanks = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(3)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyRanks, fc.integer({ min: 1, max: 5 }), anySeed, (parts, tokens, seed) => {
      const draw = new Draw(seed);
      const total = parts.reduce((sum, [words]) => sum + words, 0);
      const labels = draw.wholes([tokens], [0, total - 1]).values;
      const weight = 1 / tokens;
      let first = 0;
      const ops = parts.map(([words, padding]): Op & { kind: 'cross-entropy' } => {
        const vocabulary = words + padding;
        first += words;
        const own = { tokens, vocabulary, dtype: 'fp32', first: first - words, words, weight } as const;
        return { kind: 'cross-entropy', pass: 'forward', ...own };
      });
      const at = ops.map(({ vocabulary }) => drawn(draw, tokens * vocabulary).map((one) => 5 * one));
      const forwards = (logits: readonly Numbers[]): Numbers[][] =>
        ops.map((op, rank) => applied(op, [logits[rank]!, labels], [zeros(tokens * op.vocabulary), zeros(3 * tokens)]));
      const joined = (parts: readonly Numbers[][], self: number): Numbers[] => {
        const statistics = Float64Array.from(parts.flatMap(([, own]) => [...own!]));
        const op: Op = { kind: 'token-loss', tokens, ranks: parts.length, self };
        return applied(op, [statistics, zeros(1)], [zeros(tokens), zeros(1)]);
      };
      const loss = (logits: readonly Numbers[]): number => joined(forwards(logits), 0)[1]![0]! * weight;
      const parted = forwards(at);
      const gradients = ops.map((op, rank) => {
        const [scales] = joined(parted, rank);
        return applied(backwardOf(op), [parted[rank]![0]!, scales!, labels], [zeros(tokens * op.vocabulary)])[0]!;
      });
      expectSlopes(loss, at, { gradients, draw });
      // The loss itself, without maxima: the logarithm of one over the label's probability.
      const whole = ops.flatMap(({ words, vocabulary }, rank) =>
        Array.from({ length: words }, (_, word) => (token: number) => at[rank]![token * vocabulary + word]!),
      );
      const plain = [...labels].map((label, token) => {
        const sum = whole.reduce((sum, logit) => sum + Math.exp(logit(token)), 0);
        return Math.log(sum) - whole[label]!(token);
      });
      expect(loss(at)).toBeCloseTo(plain.reduce((sum, one) => sum + one, 0) * weight, 9);
    }),
  );
});
