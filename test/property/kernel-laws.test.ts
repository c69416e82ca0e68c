/** Laws of what operations compute, of the reference: parts are joined to wholes, and published formulas hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Op } from '../../src/kernels/op.ts';
import type { Rope } from '../../src/kernels/op/element-wise.ts';
import { operate } from '../../src/kernels/reference/operations.ts';
import type { Numbers } from '../worlds/applied.ts';
import { applied, dot, drawn, expectEqual, garbage, valuesOf, zeros } from '../worlds/applied.ts';
import { anySeed } from '../worlds/attention-operations.ts';
import { allRowsOf, anyNumber, Draw } from '../worlds/filled.ts';
import { OPERATIONS } from '../worlds/operations.ts';

test('a product of columns side by side is the product of the one matrix that they are', () => {
  fc.assert(
    fc.property(
      OPERATIONS.matmul('fp32').filter(({ op }) => op.kind === 'matmul' && op.batch === 1),
      ({ op, inputs, outputs }) => {
        if (op.kind !== 'matmul') return;
        const { m, n, k, transpose } = op;
        const at = inputs.map(({ values }) => values);
        const before = outputs.map(({ values }) => values);
        const joined = (list: readonly Numbers[], rows: number): Numbers => {
          const places = Array.from({ length: rows }, (_, row) =>
            list.map((one) => one.subarray((row * one.length) / rows, ((row + 1) * one.length) / rows)),
          );
          return Float64Array.from(places.flat().flatMap((part) => [...part]));
        };
        const [left, right] = {
          nn: [at[0]!, at[1]!],
          nt: [joined(at.slice(0, -1), m), at.at(-1)!],
          tn: [at[0]!, joined(at.slice(1), k)],
        }[transpose];
        const result = joined(applied(op, at, before), m);
        const held = joined(before, m);
        for (let row = 0; row < m; row++)
          for (let column = 0; column < n; column++) {
            let sum = (op.accumulates ? held[row * n + column]! : 0) + (op.bias ? at[2]![column]! : 0);
            for (let index = 0; index < k; index++) {
              const first = transpose === 'tn' ? left![index * m + row]! : left![row * k + index]!;
              sum += first * (transpose === 'nt' ? right![column * k + index]! : right![index * n + column]!);
            }
            expect(result[row * n + column]).toBeCloseTo(sum, 9);
          }
      },
    ),
  );
});

describe('rotary positions', () => {
  const anyRope = OPERATIONS.rope('fp32').filter(({ op }) => op.kind === 'rope');
  test('are undone by their inverse, which is their transpose, and leave what is no rotated head', () => {
    fc.assert(
      fc.property(anyRope, anySeed, ({ op, inputs }, seed) => {
        if (op.kind !== 'rope') return;
        const at = inputs.map(({ values }) => values);
        const turned = applied(op, at, at);
        const back: Rope = { ...op, isInverse: !op.isInverse };
        for (const [index, one] of applied(back, turned, turned).entries()) expectEqual(one, at[index]!);
        const draw = new Draw(seed);
        const weights = at.map((one) => drawn(draw, one.length));
        const transposed = applied(back, weights, weights);
        for (const [index, one] of turned.entries()) {
          expect(dot(one, weights[index]!)).toBeCloseTo(dot(at[index]!, transposed[index]!), 6);
          const stride = one.length / allRowsOf(op.at);
          for (const [place, value] of one.entries())
            if (place % stride >= op.heads[index]! * op.headDim) expect(value).toBe(at[index]![place]);
        }
      }),
    );
  });

  test('make products of queries and keys depend on their distance alone', () => {
    const anyPlaces = fc.record({
      from: fc.nat(50),
      to: fc.nat(50),
      shift: fc.nat(50),
      pairs: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(anyPlaces, anySeed, ({ from, to, shift, pairs }, seed) => {
        const draw = new Draw(seed);
        const headDim = 2 * pairs;
        const [query, key] = [drawn(draw, headDim), drawn(draw, headDim)];
        const at = (position: number, head: Numbers): Numbers => {
          const own = {
            elements: headDim,
            heads: [1],
            headDim,
            base: 10_000,
            isInverse: false,
            dtype: 'fp32',
          } as const;
          return applied({ kind: 'rope', ...own, at: { batch: 1, starts: [position], length: 1 } }, [head], [head])[0]!;
        };
        expect(dot(at(from + shift, query), at(to + shift, key))).toBeCloseTo(dot(at(from, query), at(to, key)), 9);
        expect(at(0, query)).toEqual(query);
      }),
    );
  });

  test('turn pair i of a head by its position times base^(-2 i / headDim)', () => {
    const anyPlace = fc.record({
      position: fc.nat(5000),
      pairs: fc.integer({ min: 1, max: 9 }),
      base: fc.constantFrom(1e4, 5e5),
    });
    fc.assert(
      fc.property(anyPlace, ({ position, pairs, base }) => {
        const headDim = 2 * pairs;
        const own = { elements: headDim, heads: [1], headDim, base, isInverse: false, dtype: 'fp32' } as const;
        const op: Op = { kind: 'rope', ...own, at: { batch: 1, starts: [position], length: 1 } };
        const units = zeros(headDim).fill(1, 0, pairs);
        const [turned] = applied(op, [units], [units]);
        for (let pair = 0; pair < pairs; pair++) {
          const angle = position / Math.pow(base, pair / pairs);
          expect(turned![pair]).toBeCloseTo(Math.cos(angle), 8);
          expect(turned![pair + pairs]).toBeCloseTo(Math.sin(angle), 8);
        }
      }),
    );
  });
});

test('activations are the published functions, of the gate, times what is gated', () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  // GELU's tanh form, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): 1 + tanh(u) is 2 sigmoid(2 u).
  const published = {
    gelu: (x: number) => x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x * x * x)),
    silu: (x: number) => x * sigmoid(x),
    relu: (x: number) => (x > 0 ? x : 0),
    'squared-relu': (x: number) => (x > 0 ? x * x : 0),
  } as const;
  const anyName = fc.constantFrom('gelu' as const, 'silu' as const, 'relu' as const, 'squared-relu' as const);
  fc.assert(
    fc.property(anyName, anyNumber(9), anyNumber(9), (activation, gate, up) => {
      const own = { pass: 'forward', elements: 1, width: 1, weighted: false, dtype: 'fp32' } as const;
      const of = (gated: boolean, input: number[]): number =>
        applied({ kind: 'activation', activation, gated, ...own }, [Float64Array.from(input)], [garbage(1)])[0]![0]!;
      expect(of(false, [gate])).toBeCloseTo(published[activation](gate), 9);
      expect(of(true, [gate, up])).toBeCloseTo(published[activation](gate) * up, 9);
    }),
  );
});

describe('the optimizer', () => {
  const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };

  /**
   * Loshchilov and Hutter 2019, with the averages written out: bias correction makes them averages of all gradients so
   * far with weights beta^(how long ago).
   */
  const average = (values: readonly number[], beta: number): number => {
    const weights = values.map((_, index) => beta ** (values.length - 1 - index));
    const sum = values.reduce((sum, one, index) => sum + weights[index]! * one, 0);
    return sum / weights.reduce((sum, one) => sum + one, 0);
  };

  test('takes the steps of AdamW as published, from any weights, for any gradients', () => {
    const anySteps = fc.array(anyNumber(5), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(anySteps, fc.boolean(), fc.boolean(), anySeed, (gradients, decays, master, seed) => {
        const factor = 0.5;
        const start = new Draw(seed).between(-2, 2);
        let wanted = start;
        let held: Numbers[] = [start, ...(master ? [start] : []), 0, 0].map((one) => Float64Array.of(one));
        for (const [index, gradient] of gradients.entries()) {
          const own = { elements: 1, gradient: 'fp32', weight: 'fp32', master, decays: [decays], on: 'card' } as const;
          const op: Op = { kind: 'adam', ...own, rates: { ...rates, step: index + 1 } };
          held = applied(op, [Float64Array.of(gradient), Float64Array.of(factor)], held);
          const past = gradients.slice(0, index + 1).map((one) => one * factor);
          const square = average(
            past.map((one) => one ** 2),
            rates.beta2,
          );
          const step = average(past, rates.beta1) / (Math.sqrt(square) + rates.epsilon);
          wanted -= rates.learningRate * (step + (decays ? rates.weightDecay * wanted : 0));
          for (const [weight] of held.slice(0, master ? 2 : 1)) expect(weight).toBeCloseTo(wanted, 10);
        }
      }),
    );
  });

  test('steps by its rate times the scaled gradient when it only descends', () => {
    const op: Op = { kind: 'descent', elements: 2, gradient: 'fp32', weight: 'bf16', master: true, learningRate: 0.5 };
    const before = [1, 2, 10, 20].map((one) => Float64Array.of(one));
    const read = [3, 4, 0.25].map((one) => Float64Array.of(one));
    expect(applied(op, read, before).map(([only]) => only)).toEqual([9.625, 19.5, 9.625, 19.5]);
  });

  test('does nothing by a factor of 0, whatever the gradients are', () => {
    const anyStep = fc.oneof(OPERATIONS.adam('fp32'), OPERATIONS.descent('fp32'));
    fc.assert(
      fc.property(anyStep, ({ op, inputs, outputs }) => {
        const gradients = inputs.slice(0, -1).map(({ shape }) => garbage(shape[0]!));
        const held = valuesOf(outputs);
        expect(applied(op, [...gradients, zeros(1)], held)).toEqual(held);
      }),
    );
  });

  test('clips what is longer than the norm to it, undoes the scale, and skips what is not finite', () => {
    const anyGradient = fc.array(anyNumber(9), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(anyGradient, fc.option(fc.constantFrom(0.5, 2)), fc.constantFrom(1, 4096), (values, norm, scale) => {
        const gradient = Float64Array.from(values);
        const scaled = gradient.map((one) => one * scale);
        const [sum] = applied({ kind: 'squared-norm', elements: scaled.length, dtype: 'fp32' }, [scaled], [garbage(1)]);
        const [factor] = applied({ kind: 'clip-factor', norm, scale }, [sum!], [garbage(1)]);
        const length = Math.sqrt(dot(gradient, gradient));
        const clipped = Math.sqrt(dot(scaled, scaled)) * factor![0]!;
        expect(clipped).toBeCloseTo(Math.min(length, norm ?? Infinity), 9);
        if (length <= (norm ?? Infinity)) expect(factor![0]).toBe(1 / scale);
      }),
    );
    for (const sum of [NaN, Infinity])
      expect(applied({ kind: 'clip-factor', norm: 1, scale: 2 }, [Float64Array.of(sum)], [garbage(1)])[0]![0]).toBe(0);
  });
});

test('a copy puts every element where the strides say, and leaves the rest', () => {
  fc.assert(
    fc.property(OPERATIONS.copy('fp32'), ({ op, inputs, outputs }) => {
      if (op.kind !== 'copy') return;
      const wanted = outputs[0]!.values.slice();
      for (const run of op.runs) {
        const [a, b, c] = run.counts;
        for (let index = 0; index < a * b * c * run.run; index++) {
          const r = index % run.run;
          const axes = [
            Math.floor(index / (run.run * c * b)),
            Math.floor(index / (run.run * c)) % b,
            Math.floor(index / run.run) % c,
          ];
          const at = (start: number, strides: readonly number[]): number =>
            strides.reduce((sum, stride, axis) => sum + stride * axes[axis]!, start + r);
          wanted[at(run.toStart, run.toStrides)] = inputs[run.from]!.values[at(run.fromStart, run.fromStrides)]!;
        }
      }
      const [got] = applied(
        op,
        inputs.map(({ values }) => values),
        outputs.map(({ values }) => values),
      );
      expect([...got!]).toEqual([...wanted]);
    }),
  );
});

test('sums add, one operand is copied, a fill writes one value, and a residual adds its bias to every row', () => {
  const [a, b] = [Float64Array.of(1, 2, 3, 4), Float64Array.of(10, 20, 30, 40)];
  const own = { elements: 4, dtype: 'fp32' } as const;
  const one = (op: Op, inputs: readonly Numbers[]): number[] => [...applied(op, inputs, [garbage(4)])[0]!];
  expect(one({ kind: 'add', ...own }, [a, b])).toEqual([11, 22, 33, 44]);
  expect(one({ kind: 'accumulate', ...own }, [a, b])).toEqual([11, 22, 33, 44]);
  expect(one({ kind: 'accumulate', ...own }, [b])).toEqual([...b]);
  expect(one({ kind: 'cast', elements: 4, from: 'fp32', to: 'bf16' }, [b])).toEqual([...b]);
  expect(one({ kind: 'fill', value: 3, ...own }, [])).toEqual([3, 3, 3, 3]);
  const residual = { kind: 'residual', pass: 'forward', dropout: false, ...own } as const;
  expect(one({ ...residual, bias: false }, [a, b])).toEqual([11, 22, 33, 44]);
  expect(one({ ...residual, bias: true }, [a, b, Float64Array.of(100, 200)])).toEqual([111, 222, 133, 244]);
});

test('what nothing computes is refused, and so is an operand that is missing or too short', () => {
  const own = { elements: 2, dtype: 'fp32' } as const;
  const two = zeros(2);
  expect(() => operate({ kind: 'dropout', ...own }, [two], [two, two])).toThrow(TypeError);
  expect(() => operate({ kind: 'softmax', pass: 'forward', rows: 1, columns: 2, dtype: 'fp32' }, [two], [two])).toThrow(
    TypeError,
  );
  expect(() =>
    operate({ kind: 'residual', pass: 'forward', dropout: true, bias: false, ...own }, [two, two], [two, two]),
  ).toThrow(TypeError);
  expect(() => operate({ kind: 'copy', read: 2, written: 2, runs: [], dtype: 'fp32' }, [two], [two])).toThrow(
    'no runs',
  );
  expect(() => operate({ kind: 'add', ...own }, [two], [two])).toThrow('none in place 1');
  expect(() => operate({ kind: 'add', ...own }, [two, zeros(1)], [two])).toThrow('must hold 2 numbers');
});
