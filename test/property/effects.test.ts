/** Laws of the message world's answers: each effect takes its time on its lane, and a seed fixes every draw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  compute,
  draw,
  load,
  mark,
  move,
  now,
  receive,
  receiveAny,
  release,
  send,
  store,
} from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import type { Trace } from '../../src/effects/trace.ts';
import { KahnWorld } from '../../src/sim/kahn-world.ts';
import { message } from '../../src/sim/message.ts';
import { rank } from '../../src/units/identity.ts';
import { bytes } from '../../src/units/quantity.ts';
import { anyJob } from '../worlds/job-case.ts';
import { clocked, machine, MULTIPLY, MULTIPLY_TIME, of, pause, resultOf, runAll } from '../worlds/small-world.ts';

/** A sample: which one does not matter where nothing is read. */
const SAMPLE = {
  kind: 'tokens',
  what: 'ids',
  split: 'train',
  sequence: 0,
  at: { batch: 1, starts: [0], length: 1 },
} as const;

describe('each effect takes the time that the machine says', () => {
  test('a load and a move: the latency and the bytes over the bus to the host', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (half) => {
        const loads = function* (): Program<void> {
          yield* load(yield* of(2 * half), SAMPLE);
        };
        const moves = function* (): Program<void> {
          yield* move((yield* of(2 * half)).block, 'dram');
        };
        expect(clocked(loads())).toBe(50 + half);
        expect(clocked(moves())).toBe(50 + half);
      }),
    );
  });

  test('a store: the bytes at the storage rate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (eighth) => {
        expect(clocked(store(bytes(8 * eighth), { kind: 'commit', step: 1 }))).toBe(eighth);
      }),
    );
  });

  test('a sleep: its delay; memory, marks, draws and the question of the time: nothing', () => {
    fc.assert(
      fc.property(fc.nat(1e9), (delay) => {
        const program = function* (): Program<void> {
          const block = yield* allocate(bytes(1e9), 'workspace');
          yield* mark('loader', 'read');
          yield* draw('noise');
          yield* pause(delay);
          yield* release(block);
          yield* now();
        };
        expect(clocked(program())).toBe(delay);
      }),
    );
  });

  test('an operation: its price; an addition within a collective: nothing', () => {
    expect(MULTIPLY_TIME).toBeGreaterThan(0);
    expect(clocked(compute(MULTIPLY, [], []))).toBe(MULTIPLY_TIME);
    expect(clocked(compute({ kind: 'accumulate', elements: 1e6, dtype: 'fp32' }, [], []))).toBe(0);
  });
});

describe('a lane does one thing at a time', () => {
  const twice = function* (one: () => Program<void>): Program<void> {
    const beside = yield* fork(one());
    yield* one();
    yield* join(beside);
  };
  test('two operations of a rank queue, and so do two copies to its host, but not one of each', () => {
    const copy = function* (): Program<void> {
      yield* load(yield* of(1000), SAMPLE);
    };
    expect(clocked(twice(() => compute(MULTIPLY, [], [])))).toBe(2 * MULTIPLY_TIME);
    expect(clocked(twice(copy))).toBe(2 * 550);
    const both = function* (): Program<void> {
      const beside = yield* fork(copy());
      yield* compute(MULTIPLY, [], []);
      yield* join(beside);
    };
    expect(clocked(both())).toBe(Math.max(550, MULTIPLY_TIME));
  });

  test('messages of one axis over one kind of links queue; those of another axis or kind do not', () => {
    const arrivals = (seconds: readonly (readonly [to: number, axis: 'tp' | 'dp'])[]): readonly number[] => {
      const sender = function* (): Program<void> {
        for (const [to, axis] of seconds) yield* send(rank(to), { axis, tag: 0, tensor: yield* of(4000) });
      };
      const others = [1, 2].map((self) =>
        (function* (): Program<void> {
          for (const [to, axis] of seconds)
            if (to === self) yield* receive(rank(0), { axis, tag: 0, into: yield* of(4000) });
        })(),
      );
      return arrivalsIn(runAll([sender(), ...others]).trace);
    };
    // Rank 1 shares the domain of rank 0: 1000 ns to push and 100 to arrive. Rank 2 does not: 4000 and 700.
    expect(
      arrivals([
        [1, 'tp'],
        [1, 'tp'],
      ]),
    ).toEqual([1100, 2100]);
    expect(
      arrivals([
        [1, 'tp'],
        [1, 'dp'],
      ]),
    ).toEqual([1100, 1100]);
    expect(
      arrivals([
        [2, 'tp'],
        [2, 'tp'],
      ]),
    ).toEqual([4700, 8700]);
    expect(
      arrivals([
        [1, 'tp'],
        [2, 'tp'],
      ]),
    ).toEqual([1100, 4700]);
  });
});

const arrivalsIn = (trace: Trace): readonly number[] =>
  trace.flatMap((entry) => (entry.kind === 'message' ? [entry.arrived] : []));
describe('draws', () => {
  const numbers = (streams: readonly string[]): Program<readonly number[]> =>
    (function* () {
      const drawn: number[] = [];
      for (const stream of streams) drawn.push(yield* draw(stream));
      return drawn;
    })();

  test('lie between 0 and 1, and are the same for the same seed', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const one = resultOf(numbers(Array.from({ length: 50 }, () => 'a')), seed) as readonly number[];
        expect(one).toEqual(resultOf(numbers(Array.from({ length: 50 }, () => 'a')), seed));
        for (const drawn of one) expect(drawn >= 0 && drawn < 1).toBe(true);
        expect(new Set(one).size).toBe(50);
        expect(one).not.toEqual(resultOf(numbers(Array.from({ length: 50 }, () => 'a')), seed + 1));
      }),
    );
  });

  test('from one stream do not shift those from another', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }), (seed, streams) => {
        const mixed = resultOf(numbers(streams), seed) as readonly number[];
        const alone = streams.filter((stream) => stream === 'a');
        expect(mixed.filter((_, index) => streams[index] === 'a')).toEqual(resultOf(numbers(alone), seed));
      }),
    );
  });

  test('from different streams differ', () => {
    const [a, b] = ['a', 'b'].map((stream) => resultOf(numbers([stream, stream, stream])));
    expect(a).not.toEqual(b);
  });
});

test('the folded world refuses what needs an order of events', () => {
  const run = (program: Program<unknown>): unknown =>
    new KahnWorld(machine, { alone: false }).run([{ rank: rank(0), program, profiles: new Map() }]);
  expect(() => run(draw('noise'))).toThrow(/draw/);
  const choice = function* (): Program<void> {
    yield* receiveAny([rank(1)], { axis: 'control', tag: 0, into: yield* of(4) });
  };
  expect(() => run(choice())).toThrow(/arrival/);
});

test('the same job has the same trace, entry by entry', () => {
  fc.assert(
    fc.property(anyJob, (one) => {
      expect(JSON.stringify(message(one).trace)).toBe(JSON.stringify(message(one).trace));
    }),
    { numRuns: 20 },
  );
});
