/** Laws of the loop in a world of time: who waits for what, what strands carry, and in which order things happen. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, compute, now, receive, receiveAny, release, section, send } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import { Agenda } from '../../src/sim/agenda.ts';
import { KahnWorld } from '../../src/sim/kahn-world.ts';
import { CALM } from '../../src/sim/message.ts';
import { MessageWorld } from '../../src/sim/message-world.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import { bytes, instantZero, later, seconds } from '../../src/units/quantity.ts';
import { machine, MULTIPLY, MULTIPLY_TIME, of, pause, resultOf, runAll } from '../worlds/small-world.ts';

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

  test('of two strands that wait for one sender, the first to ask gets the first message', () => {
    const sender = function* (): Program<void> {
      yield* pause(1000);
      for (const size of [400, 800]) yield* send(rank(1), { axis: 'pp', tag: 7, tensor: yield* of(size) });
    };
    const arrival = function* (size: number): Program<number> {
      yield* receive(rank(0), { axis: 'pp', tag: 7, into: yield* of(size) });
      return yield* now();
    };
    const receiver = function* (): Program<readonly number[]> {
      const tasks = [yield* fork(arrival(400)), yield* fork(arrival(800))];
      const arrivals: number[] = [];
      for (const task of tasks) arrivals.push(yield* join(task));
      return arrivals;
    };
    const { strands, trace } = runAll([sender(), receiver()]);
    expect(strands[1]!.outcome?.result).toEqual([1200, 1400]);
    expect(trace.flatMap((entry) => (entry.kind === 'receipt' ? [entry.size] : []))).toEqual([400, 800]);
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

test('events leave the agenda in the order of time, and those of one instant in the order they were added', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10), { maxLength: 60 }), fc.nat(60), (instants, taken) => {
      const agenda = new Agenda();
      const left: string[] = [];
      const takeOne = (): boolean => {
        const event = agenda.take();
        event?.act();
        return event !== null;
      };
      const add = (instant: number, index: number): void =>
        agenda.add(later(instantZero, seconds(instant / 1e9)), () => left.push(`${instant} ${index}`));
      const inOrder = (events: readonly (readonly [number, number])[]): string[] =>
        events.toSorted(([a, i], [b, j]) => a - b || i - j).map(([instant, index]) => `${instant} ${index}`);
      const events = instants.map((instant, index) => [instant, index] as const);
      // Some are taken before the others are added.
      const early = events.slice(0, taken);
      for (const [instant, index] of early) add(instant, index);
      for (let count = 0; count < taken / 2; count++) takeOne();
      const rest = inOrder(early).filter((name) => !left.includes(name));
      expect([...left, ...rest]).toEqual(inOrder(early));
      const begun = left.length;
      for (const [instant, index] of events.slice(taken)) add(instant, index);
      while (takeOne());
      expect(left.slice(begun)).toEqual(
        inOrder(events.filter(([a, i]) => !left.slice(0, begun).includes(`${a} ${i}`))),
      );
    }),
  );
});
