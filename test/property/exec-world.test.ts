/** Laws of one rank's world: whom it lets go on and when, what it asks of the run around it, and what its books say. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  allocate,
  compute,
  copy,
  draw,
  load,
  mark,
  move,
  now,
  observe,
  receive,
  receiveAny,
  release,
  route,
  section,
  send,
  sleep,
  store,
  tensor,
} from '../../src/effects/ask.ts';
import type { Effect, Program } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import type { Span } from '../../src/effects/trace.ts';
import type { Arena } from '../../src/exec/arena.ts';
import { operandOf } from '../../src/exec/operand.ts';
import type { Services } from '../../src/exec/services.ts';
import { accumulate } from '../../src/kernels/op/element-wise.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import { positions } from '../worlds/collective-case.ts';
import { resultOf, run, valuesOf } from '../worlds/exec-here.ts';
import { pause, runAll } from '../worlds/small-world.ts';

test('a strand sleeps at least as long as it asked, and the others go on meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }), (delays) => {
      const woken: number[] = [];
      const sleeper = function* (delay: number): Program<number> {
        const start = yield* now();
        yield* sleep(seconds(delay / 1e6));
        woken.push(delay);
        return (yield* now()) - start;
      };
      const slept = resultOf(function* () {
        const tasks = [];
        for (const delay of delays) tasks.push(yield* fork(sleeper(delay)));
        const lengths: number[] = [];
        for (const task of tasks) lengths.push(yield* join(task));
        return lengths;
      }) as number[];
      for (const [index, delay] of delays.entries()) expect(slept[index]).toBeGreaterThanOrEqual(delay * 1000);
      expect(woken).toHaveLength(delays.length);
    }),
    { numRuns: 30 },
  );
});

test('a choice takes each sender once and gets what that one sent', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }), (rests) => {
      const chooser = rank(rests.length);
      const senders = rests.map(
        (rest, index) => (arena: Arena) =>
          (function* (): Program<void> {
            for (let turn = 0; turn < rest; turn++) yield* pause(1000);
            const sent = yield* tensor([1], 'fp32', 'communication');
            valuesOf(arena, sent)[0] = 10 + index;
            yield* send(chooser, { axis: 'control', tag: 3, tensor: sent });
          })(),
      );
      const choose = (arena: Arena) =>
        (function* (): Program<unknown> {
          const waiting = new Set(rests.map((_, index) => rank(index)));
          const found: [Rank, number][] = [];
          const into = yield* tensor([1], 'fp32', 'communication');
          while (waiting.size > 0) {
            const from = yield* receiveAny([...waiting], { axis: 'control', tag: 3, into });
            waiting.delete(from);
            found.push([from, valuesOf(arena, into)[0]!]);
          }
          return found;
        })();
      const { strands } = run([...senders, choose]);
      const found = strands.at(-1)!.outcome?.result as [number, number][];
      expect(found.toSorted(([a], [b]) => a - b)).toEqual(rests.map((_, index) => [index, 10 + index]));
    }),
  );
});

test('of two strands that wait for one sender, the first to ask gets the first message', () => {
  const sender = (arena: Arena) =>
    (function* (): Program<void> {
      for (const value of [1, 2]) {
        const sent = yield* tensor([1], 'fp32', 'communication');
        valuesOf(arena, sent)[0] = value;
        yield* send(rank(0), { axis: 'pp', tag: 7, tensor: sent });
        yield* release(sent.block);
      }
    })();
  const receiver = (arena: Arena) =>
    (function* (): Program<number[]> {
      const one = function* (): Program<number> {
        const into = yield* tensor([1], 'fp32', 'communication');
        yield* receive(rank(1), { axis: 'pp', tag: 7, into });
        return valuesOf(arena, into)[0]!;
      };
      const tasks = [yield* fork(one()), yield* fork(one())];
      const values: number[] = [];
      for (const task of tasks) values.push(yield* join(task));
      return values;
    })();
  expect(run([receiver, sender]).strands[0]!.outcome?.result).toEqual([1, 2]);
});

test('a strand whose message comes while another one computes goes on before that one computes again', () => {
  const order: string[] = [];
  const listener = function* (): Program<void> {
    const into = yield* tensor([4], 'fp32', 'communication');
    yield* receive(rank(0), { axis: 'pp', tag: 7, into });
    order.push('received');
  };
  const worker = () =>
    (function* (): Program<void> {
      const task = yield* fork(listener());
      const sum = yield* tensor([4], 'fp32', 'activations');
      yield* send(rank(0), { axis: 'pp', tag: 7, tensor: sum });
      for (const _ of positions(3)) {
        yield* compute(accumulate(4, 'fp32'), [sum, sum], [sum]);
        order.push('computed');
      }
      yield* join(task);
    })();
  run([worker]);
  expect(order).toEqual(['received', 'computed', 'computed', 'computed']);
});

test('the bytes of a released block are used again as soon as the message in it has been read', () => {
  const rounds = positions(5);
  const sender = (arena: Arena) =>
    (function* (): Program<number> {
      const answer = yield* tensor([1], 'fp32', 'communication');
      for (const tag of rounds) {
        const sent = yield* tensor([1000], 'fp32', 'activations');
        yield* send(rank(1), { axis: 'pp', tag, tensor: sent });
        yield* release(sent.block);
        yield* receive(rank(1), { axis: 'pp', tag, into: answer });
      }
      return arena.peak;
    })();
  const receiver = () =>
    (function* (): Program<void> {
      const into = yield* tensor([1000], 'fp32', 'activations');
      const answer = yield* tensor([1], 'fp32', 'communication');
      for (const tag of rounds) {
        yield* receive(rank(0), { axis: 'pp', tag, into });
        yield* send(rank(0), { axis: 'pp', tag, tensor: answer });
      }
    })();
  expect(run([sender, receiver]).strands[0]!.outcome?.result).toBe(64 + 4032);
});

test('what a rank asks of the run around it arrives there whole, and so do the answers', () => {
  const seen: Effect['kind'][] = [];
  const note = (effect: Effect): void => void seen.push(effect.kind);
  const services: Partial<Services> = {
    load: note,
    store: note,
    observe: (effect) => {
      note(effect);
      return 'stop';
    },
    route: (found) => found.map((each) => each + 1),
    draw: (stream) => stream.length / 10,
  };
  const program = (arena: Arena) =>
    (function* (): Program<unknown> {
      const ids = yield* tensor([3], 'int32', 'input');
      const { buffer, byteOffset } = arena.view(operandOf(ids).at, 12);
      new Int32Array(buffer, byteOffset, 3).set([4, 5, 6]);
      yield* load(ids, { kind: 'states', state: 'weight', runs: () => [] });
      yield* store(bytes(0), { kind: 'commit', step: 3 });
      const answer = yield* observe({ subject: 'step', step: 1, tensor: ids });
      return [answer, yield* route(ids, [0, 0, 0]), yield* draw('dropout')];
    })();
  expect(resultOf(program, services)).toEqual(['stop', [5, 6, 7], 0.7]);
  expect(seen).toEqual(['load', 'store', 'observe']);
  expect(() => resultOf(program, { ...services, route: () => [1] })).toThrow('a route of 1 numbers: want 3');
});

test('lives move on as their charts say, in the order of the marks, and no other way', () => {
  const living = (events: readonly string[]): (() => Program<void>) =>
    function* () {
      for (const event of events) yield* mark('stage', event);
    };
  const { recorders } = run([living(['fill', 'steady', 'drain', 'finish'])]);
  const passages = recorders[0]!.log.entries.filter((entry) => entry.kind === 'passage');
  expect(passages.map(({ event }) => event)).toEqual(['fill', 'steady', 'drain', 'finish']);
  expect(() => run([living(['drain'])])).toThrow('stage');
});

/** Allocates, moves, copies and forks as its steps say. */
function* bookkeeping(steps: readonly (readonly [what: number, size: number])[]): Program<void> {
  const tasks = [];
  for (const [index, [what, size]] of steps.entries()) {
    if (what === 0) yield* allocate(bytes(size), 'activations');
    if (what === 1) yield* release(yield* allocate(bytes(size), 'workspace'));
    if (what === 2) {
      const block = yield* allocate(bytes(size), 'optimizer');
      yield* move(block, 'dram');
      yield* copy(bytes(size), 'dram');
      yield* move(block, 'hbm');
      yield* release(block);
    }
    if (what === 3)
      tasks.push(yield* fork(bookkeeping(steps.slice(index + 1, index + 4).filter(([kind]) => kind < 3))));
    if (what === 4) yield* allocate(bytes(size * 1e9), 'framework');
    if (what === 5) yield* allocate(bytes(size), 'weights', 'dram');
    if (what === 6)
      yield* section('pass', () => bookkeeping([[0, size]]), {
        moment: { pass: 'forward', microbatch: index, chunk: 0 },
      });
  }
  for (const task of tasks) yield* join(task);
}

test('its books say what those of a simulation say, to the byte and to the moment of the peak', () => {
  const anySteps = fc.array(fc.tuple(fc.nat(6), fc.nat(5000)), { maxLength: 20 });
  fc.assert(
    fc.property(anySteps, (steps) => {
      const [here] = run([() => bookkeeping(steps)]).strands;
      const [simulated] = runAll([bookkeeping(steps)]).strands;
      const [books, expected] = [here!.state.tape.settle(), simulated!.state.tape.settle()];
      expect(books.delta).toEqual(expected.delta);
      expect(books.peakMoment).toEqual(expected.peakMoment);
    }),
  );
});

test('every computation is a span of its lane, by its name', () => {
  const { recorders } = run([
    () =>
      (function* (): Program<void> {
        const sum = yield* tensor([4], 'fp32', 'activations');
        for (const _ of positions(3)) yield* compute(accumulate(4, 'fp32'), [sum, sum], [sum]);
      })(),
  ]);
  const spans = recorders[0]!.log.entries.filter((entry): entry is Span => entry.kind === 'span');
  expect(spans.map(({ lane, name }) => `${lane}: ${name}`)).toEqual(Array(3).fill('compute: accumulate'));
});

test('a message of another size than its place is refused with both sizes', () => {
  const programs = [1, 2].map(
    (length, index) => () =>
      (function* (): Program<void> {
        const own = yield* tensor([length], 'fp32', 'communication');
        if (index === 0) yield* send(rank(1), { axis: 'tp', tag: 5, tensor: own });
        else yield* receive(rank(0), { axis: 'tp', tag: 5, into: own });
      })(),
  );
  expect(() => run(programs)).toThrow('4 bytes from rank 0 (tp, tag 5) for 8 bytes');
});

test('a block that stands for the runtime alone has no bytes, and cannot be computed on', () => {
  const program = () =>
    (function* (): Program<void> {
      const block = yield* allocate(bytes(4e12), 'framework');
      const all: Tensor = { shape: [1], dtype: 'fp32', block, offset: 0 };
      yield* compute(accumulate(1, 'fp32'), [all], [all]);
    })();
  expect(() => run([program])).toThrow('block 0 (framework) has no bytes, and cannot be used');
});
