/** Laws of the message world: how each effect is answered, what strands carry, and that a seed fixes everything. */
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
  section,
  send,
  sleep,
  store,
  tensor,
} from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import type { Trace } from '../../src/effects/trace.ts';
import type { Op } from '../../src/kernels/op.ts';
import { KahnWorld } from '../../src/sim/kahn-world.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { MessageWorld } from '../../src/sim/message-world.ts';
import { opTime } from '../../src/sim/op-time.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import { anyJob } from '../worlds/job-case.ts';
import { figure, tinyJob } from '../worlds/jobs.ts';

/** Rates of whole bytes a nanosecond: 4 between neighbours, 1 to other domains, 2 to the host, 8 to storage. */
const job = tinyJob({
  cluster: {
    scaleUpDomain: 2,
    scaleUp: { bandwidth: figure(4e9), efficiency: figure(1), latency: figure(100e-9) },
    nic: { bandwidth: figure(1e9), efficiency: figure(1), latency: figure(700e-9) },
    pcie: { bandwidth: figure(2e9), efficiency: figure(1), latency: figure(50e-9) },
    ssd: { capacity: figure(1e12), bandwidth: figure(8e9) },
  },
});
const machine = machineOf(job);

/** Runs one program a rank, and returns the world's strands and trace. */
const runAll = (programs: readonly Program<unknown>[], seed = 1) => {
  const world = new MessageWorld(machine, { seed, conditions: CALM });
  const strands = world.run(programs.map((program, index) => ({ rank: rank(index), program })));
  return { strands, trace: world.trace };
};
const resultOf = (program: Program<unknown>, seed = 1): unknown => runAll([program], seed).strands[0]!.outcome?.result;

/** Nanoseconds that a program takes by the world's clock. */
const clocked = (program: Program<unknown>): unknown =>
  resultOf(
    (function* () {
      const start = yield* now();
      yield* program;
      return (yield* now()) - start;
    })(),
  );
const of = (size: number, purpose: 'workspace' | 'activations' | 'input' = 'workspace'): Program<Tensor> =>
  tensor([size], 'uint8', purpose);
const pause = (nanoseconds: number): Program<void> => sleep(seconds(nanoseconds / 1e9));
const MULTIPLY: Op = {
  kind: 'matmul',
  m: 512,
  n: 512,
  k: 512,
  batch: 1,
  transpose: 'nn',
  dtype: 'bf16',
  output: 'bf16',
  accumulates: false,
};
const MULTIPLY_TIME = Math.round(opTime(MULTIPLY, machine) * 1e9);

describe('each effect takes the time that the machine says', () => {
  test('a load and a move: the latency and the bytes over the bus to the host', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (half) => {
        const loads = function* (): Program<void> {
          yield* load(yield* of(2 * half));
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
        expect(clocked(store(bytes(8 * eighth)))).toBe(eighth);
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
      yield* load(yield* of(1000));
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

describe('messages', () => {
  test('a receiver goes on when the message has arrived, or at once if it has', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), (sentAt, askedAt) => {
        const sender = function* (): Program<void> {
          yield* pause(sentAt);
          yield* send(rank(1), { axis: 'pp', tag: 7, tensor: yield* of(400) });
        };
        const receiver = function* (): Program<number> {
          yield* pause(askedAt);
          yield* receive(rank(0), { axis: 'pp', tag: 7, into: yield* of(400) });
          return yield* now();
        };
        const { strands } = runAll([sender(), receiver()]);
        expect(strands[1]!.outcome?.result).toBe(Math.max(askedAt, sentAt + 100 + 100));
        expect(strands[0]!.state.at).toBe(sentAt);
      }),
    );
  });

  test('a choice takes the sender whose message arrives first, each once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 5 }), fc.nat(10_000), (delays, asked) => {
        const senders = delays.map((delay) =>
          (function* (): Program<void> {
            yield* pause(delay);
            yield* send(rank(9), { axis: 'control', tag: 3, tensor: yield* of(4) });
          })(),
        );
        const chooser = function* (): Program<readonly Rank[]> {
          yield* pause(asked);
          const waiting = new Set(senders.map((_, index) => rank(index)));
          const order: Rank[] = [];
          while (waiting.size > 0) {
            const from = yield* receiveAny([...waiting], { axis: 'control', tag: 3, into: yield* of(4) });
            waiting.delete(from);
            order.push(from);
          }
          return order;
        };
        const world = new MessageWorld(machine, { seed: 1, conditions: CALM });
        const strands = world.run([
          ...senders.map((program, index) => ({ rank: rank(index), program })),
          { rank: rank(9), program: chooser() },
        ]);
        const order = strands.at(-1)!.outcome?.result as readonly Rank[];
        expect(order.toSorted((a, b) => a - b)).toEqual(senders.map((_, index) => index));
        // Whoever was there when the chooser came may be taken in any order; the others in that of their arrival.
        const late = order.filter((from) => delays[from]! + 704 > asked);
        expect(late).toEqual(late.toSorted((a, b) => delays[a]! - delays[b]!));
      }),
    );
  });

  test('whoever waits for ever is named', () => {
    const waits = function* (from: number): Program<void> {
      yield* receive(rank(from), { axis: 'pp', tag: 1, into: yield* of(4) });
    };
    const rests = function* (): Program<void> {
      yield* pause(5);
    };
    expect(() => runAll([waits(2), rests(), waits(0)])).toThrow(/deadlock: ranks 0, 2 wait/);
    const kahn = new KahnWorld(machine, { alone: false });
    const programs = [waits(1), rests()].map((program, index) => ({ rank: rank(index), program, profiles: new Map() }));
    expect(() => kahn.run(programs)).toThrow(/deadlock: ranks 0 wait/);
  });
});

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

describe('strands', () => {
  test('a join waits for the later of the two, and gives the result', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (own, other) => {
        const program = function* (): Program<readonly [number, string]> {
          const task = yield* fork(
            (function* (): Program<string> {
              yield* pause(other);
              return 'done';
            })(),
          );
          yield* pause(own);
          const result = yield* join(task);
          return [yield* now(), result];
        };
        expect(resultOf(program())).toEqual([Math.max(own, other), 'done']);
        const kahn = new KahnWorld(machine, { alone: false });
        const [strand] = kahn.run([{ rank: rank(0), program: program(), profiles: new Map() }]);
        expect(strand!.outcome?.result).toEqual([Math.max(own, other), 'done']);
      }),
    );
  });

  test('a strand counts with its peak until it is joined, and with what it left from then on', () => {
    const program = function* (): Program<void> {
      const task = yield* fork(
        (function* (): Program<void> {
          const passing = yield* allocate(bytes(100), 'workspace');
          yield* pause(10);
          yield* release(passing);
          yield* allocate(bytes(7), 'activations');
        })(),
      );
      const own = yield* allocate(bytes(1000), 'workspace');
      yield* release(own);
      yield* join(task);
      yield* allocate(bytes(1050), 'workspace');
    };
    const { delta } = runAll([program()]).strands[0]!.state.tape.settle();
    // 100 beside 1000 while the strand ran; then the 7 that it left beside 1050.
    expect(delta.peak).toBe(1100);
    expect(delta.net.reduce((total, amount) => total + amount, 0)).toBe(1057);
  });

  test('whatever is computed inside a section with a term counts for it, and nothing after it does', () => {
    const program = function* (): Program<void> {
      yield* section('again', () => compute(MULTIPLY, [], []), { term: 'recompute' });
      yield* compute(MULTIPLY, [], []);
    };
    const { meter } = runAll([program()]).strands[0]!.state;
    expect([meter.spentOn('recompute'), meter.spentOn('matrix')]).toEqual([MULTIPLY_TIME, MULTIPLY_TIME]);
    const kahn = new KahnWorld(machine, { alone: false });
    const [strand] = kahn.run([{ rank: rank(0), program: program(), profiles: new Map() }]);
    expect(strand!.state.meter.spentOn('recompute')).toBe(MULTIPLY_TIME);
    expect(strand!.state.meter.spentOn('matrix')).toBe(MULTIPLY_TIME);
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
