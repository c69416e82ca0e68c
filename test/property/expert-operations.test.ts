/** Laws of the arithmetic around experts: slopes of the choice and of its balance, rows that come back, products by group. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Op } from '../../src/kernels/op.ts';
import type { TopK } from '../../src/kernels/op/routing.ts';
import type { Numbers } from '../worlds/applied.ts';
import { applied, dot, drawn, valuesOf, zeros } from '../worlds/applied.ts';
import { positions } from '../worlds/collective-case.ts';
import { anyGroupedMatmul, anyPermute, anyTopK } from '../worlds/expert-operations.ts';
import { anySeed } from '../worlds/attention-operations.ts';
import { Draw } from '../worlds/filled.ts';

const STEP = 1e-6;
const expectSlope = (loss: (step: number) => number, wanted: number, size: number): void => {
  const slope = (loss(STEP) - loss(-STEP)) / (2 * STEP);
  if (!(Math.abs(slope - wanted) <= 1e-6 * (1 + size)))
    expect.fail(`the slope is ${slope}, and by the gradient ${wanted}`);
};

/** Scores so far apart that a small step changes no choice. */
const apart = (draw: Draw, { tokens, experts }: Pick<TopK, 'tokens' | 'experts'>): Numbers => {
  const scores = zeros(tokens * experts);
  for (const token of positions(tokens)) {
    const order = positions(experts)
      .map((expert) => ({ expert, key: draw.between(0, 1) }))
      .toSorted((one, other) => one.key - other.key);
    for (const [place, { expert }] of order.entries())
      scores[token * experts + expert] = 0.4 * place + draw.between(0, 0.3);
  }
  return scores;
};
const anyChoice = fc
  .record({
    blocks: fc.integer({ min: 1, max: 3 }),
    blockRows: fc.integer({ min: 1, max: 4 }),
    experts: fc.integer({ min: 1, max: 8 }),
    active: fc.nat(7),
  })
  .map(({ active, ...rest }) => ({
    ...rest,
    tokens: rest.blocks * rest.blockRows,
    active: 1 + (active % rest.experts),
  }));

test('the gradient of the scores is the slope of the weights, and of the loss that balances the experts', () => {
  fc.assert(
    fc.property(anyChoice, fc.boolean(), anySeed, ({ blocks, blockRows, ...shape }, isBalanced, seed) => {
      const { tokens, experts, active } = shape;
      const draw = new Draw(seed);
      const logits = apart(draw, shape);
      const before = [zeros(tokens * active), zeros(tokens * active)];
      const forward: TopK = { kind: 'top-k', pass: 'forward', ...shape, balance: null };
      const [weights, numbers] = applied(forward, [logits], before) as [Numbers, Numbers];
      const weighing = drawn(draw, weights.length);
      const counts = Float64Array.from({ length: blocks * experts }, () => draw.whole(0, 5));
      // Each block is a sequence of its own.
      const balance = { weight: 0.7, blockRows, sequences: positions(blocks).map((block) => [block]) };
      const backward: TopK = { ...forward, pass: 'backward', balance: isBalanced ? balance : null };
      const read = [weights, numbers, weighing, ...(isBalanced ? [logits, counts] : [])];
      const [gradient] = applied(backward, read, [zeros(logits.length)]) as [Numbers];
      const direction = drawn(draw, logits.length);
      const loss = (step: number): number => {
        const moved = logits.map((one, at) => one + step * direction[at]!);
        const chosen = dot(applied(forward, [moved], before)[0]!, weighing);
        if (!isBalanced) return chosen;
        return positions(tokens).reduce((sum, token) => {
          const row = moved.subarray(token * experts, (token + 1) * experts);
          const powers = row.map((one) => Math.exp(one));
          const all = powers.reduce((total, one) => total + one, 0);
          const block = Math.floor(token / blockRows);
          return (
            sum + 0.7 * powers.reduce((met, one, expert) => met + (one / all) * counts[block * experts + expert]!, 0)
          );
        }, chosen);
      };
      expectSlope(loss, dot(gradient, direction), gradient.length);
    }),
  );
});

test('the best are chosen in order, of equal ones the first, and their weights add up to one', () => {
  fc.assert(
    fc.property(anyTopK(), ({ op, inputs, outputs }) => {
      if (op.kind !== 'top-k' || op.pass === 'backward') return;
      const { tokens, experts, active } = op;
      const [scores] = valuesOf(inputs) as [Numbers];
      const [weights, numbers] = applied(op, [scores], valuesOf(outputs)) as [Numbers, Numbers];
      for (const token of positions(tokens)) {
        const chosen = [...numbers.subarray(token * active, (token + 1) * active)];
        const scoreOf = (expert: number): number => scores[token * experts + expert]!;
        const isAhead = (one: number, other: number): boolean =>
          scoreOf(one) > scoreOf(other) || (scoreOf(one) === scoreOf(other) && one < other);
        for (const [place, expert] of chosen.entries())
          for (const other of positions(experts))
            if (!chosen.slice(0, place + 1).includes(other)) expect(isAhead(expert, other)).toBe(true);
        const sum = weights.subarray(token * active, (token + 1) * active).reduce((total, one) => total + one, 0);
        expect(sum).toBeCloseTo(1, 12);
      }
    }),
  );
});

const withKind = <K extends Op['kind']>(op: Op, kind: K): Extract<Op, { kind: K }> => {
  if (op.kind !== kind) throw new TypeError(`${op.kind} came for a ${kind}`);
  return op as Extract<Op, { kind: K }>;
};

test('spreading rows and gathering them are each the backward pass of the other', () => {
  fc.assert(
    fc.property(anyPermute('fp32'), anySeed, (trial, seed) => {
      const op = withKind(trial.op, 'permute');
      const places = trial.inputs[1]!.values;
      const draw = new Draw(seed);
      const [few, many] = [drawn(draw, op.tokens * op.width), drawn(draw, op.rows * op.width)];
      const [spread] = applied({ ...op, direction: 'spread' }, [few, places], [zeros(many.length)]) as [Numbers];
      const [gathered] = applied({ ...op, direction: 'gather' }, [many, places], [zeros(few.length)]) as [Numbers];
      expect(dot(spread, many)).toBeCloseTo(dot(few, gathered), 9);
    }),
  );
});

test('the products for the gradients of rows and of matrices are the backward passes of the product by group', () => {
  fc.assert(
    fc.property(anyGroupedMatmul('fp32'), anySeed, (trial, seed) => {
      const op = { ...withKind(trial.op, 'grouped-matmul'), accumulates: false };
      const { rows, groups, n, k } = op;
      const draw = new Draw(seed);
      const [x, w, g] = [drawn(draw, rows * k), drawn(draw, groups * k * n), drawn(draw, rows * n)];
      const [y] = applied({ ...op, transpose: 'nn' }, [x, w], [zeros(rows * n)]) as [Numbers];
      const [toX] = applied({ ...op, transpose: 'nt', n: k, k: n }, [g, w], [zeros(rows * k)]) as [Numbers];
      const [toW] = applied({ ...op, transpose: 'tn' }, [x, g], [zeros(groups * k * n)]) as [Numbers];
      // y is linear in each of them.
      expect(dot(x, toX)).toBeCloseTo(dot(y, g), 8);
      expect(dot(w, toW)).toBeCloseTo(dot(y, g), 8);
    }),
  );
});
