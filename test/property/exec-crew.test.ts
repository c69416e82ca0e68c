/** Laws of a crew of threads: it exchanges what a simulation says, leaks nothing, and ends together, well or not. */
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Message, Receipt, Trace, TraceEntry } from '../../src/effects/trace.ts';
import { RankFailure } from '../../src/exec/launch.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import { rank } from '../../src/units/identity.ts';
import { builtThread } from '../worlds/built-thread.ts';
import { algorithmsOf, plainCase, positions } from '../worlds/collective-case.ts';
import { channelsOf, crewOf, playHere, playOnThreads, playSimulated } from '../worlds/exec-crew.ts';
import type { Job, Planned } from '../worlds/exec-programs.ts';

const built = builtThread('test/worlds/exec-thread.ts');
const main = builtThread('test/worlds/exec-main.ts');
afterAll(() => {
  built.remove();
  main.remove();
});
const thread = built.file;

const anyPlan = fc.array(
  fc.record({
    from: fc.nat(3),
    to: fc.nat(3),
    tag: fc.integer({ min: -2, max: 2 }),
    elements: fc.nat(100),
    fate: fc.constantFrom<Planned['fate']>('kept', 'released', 'overwritten'),
  }),
  { maxLength: 60 },
);
/** Rank 0 serves the others. */
const anyService = fc
  .record({
    targets: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 }),
    rounds: fc.integer({ min: 1, max: 4 }),
    elements: fc.integer({ min: 1, max: 3000 }),
    learningRate: fc.constantFrom(0.5, 1),
  })
  .map(({ targets, ...agreed }): Extract<Job, { kind: 'parameters' }> => {
    const workers = targets.map((_, index) => rank(index + 1));
    return { kind: 'parameters', service: { server: rank(0), workers, ...agreed }, targets };
  });
const anyJob: fc.Arbitrary<Job> = fc.oneof(
  anyService,
  fc.record({ kind: fc.constant('exchange' as const), plan: anyPlan, isReversed: fc.boolean() }),
  fc.record({ operation: fc.constantFrom(...OPERATIONS), elements: fc.nat(50) }).map(({ operation, elements }): Job => {
    const cases = algorithmsOf(operation, 4).map((algorithm) => plainCase(operation, algorithm, { size: 4, elements }));
    return { kind: 'collectives', cases };
  }),
);

describe('the two worlds', () => {
  test('on every channel the same messages go in the same order, and memory peaks at the same byte', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const [here, simulated] = [playHere(job, 4), playSimulated(job, 4)];
        expect(channelsOf(here.trace)).toEqual(channelsOf(simulated.trace));
        expect(here.memory).toEqual(simulated.memory);
      }),
    );
  });

  test('threads exchange the same, however they are scheduled', async () => {
    await fc.assert(
      fc.asyncProperty(anyJob, async (job) => {
        const [threads, here] = [await playOnThreads(job, 4, { thread }), playHere(job, 4)];
        expect(channelsOf(threads.trace)).toEqual(channelsOf(here.trace));
        expect(threads.memory).toEqual(here.memory);
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test('a message that is altered, dropped or out of its order shows', () => {
    const plan = positions(4).map((number): Planned => ({ from: 0, to: 1, tag: number, elements: 3, fate: 'kept' }));
    const { trace } = playHere({ kind: 'exchange', plan, isReversed: false }, 2);
    const channels = channelsOf(trace);
    const [first, second, ...rest] = trace.filter((entry) => entry.kind === 'message');
    const altered: Trace[] = [
      [{ ...first!, tag: 9 }, second!, ...rest],
      [second!, ...rest],
      [second!, first!, ...rest],
      [{ ...first!, strand: '' }, second!, ...rest],
    ];
    for (const each of altered) expect(channelsOf(each)).not.toEqual(channels);
  });
});

const entriesOf = <K extends TraceEntry['kind']>(trace: Trace, kind: K): Extract<TraceEntry, { kind: K }>[] =>
  trace.filter((entry): entry is Extract<TraceEntry, { kind: K }> => entry.kind === kind);
const nameOf = ({ from, to, tag }: Message | Receipt): string => `${from} -> ${to}, tag ${tag}`;

test('a trace of threads shows every message once, no cause behind its effect, and one thing at a time a lane', async () => {
  const plan = positions(120).map((number): Planned => ({
    from: number % 3,
    to: (number * 7) % 3,
    tag: number % 2,
    elements: number,
    fate: 'released',
  }));
  const { trace } = await playOnThreads({ kind: 'exchange', plan, isReversed: false }, 3, { thread });
  const [messages, receipts] = [entriesOf(trace, 'message'), entriesOf(trace, 'receipt')];
  expect(messages).toHaveLength(plan.length);
  expect(receipts.map(nameOf).toSorted()).toEqual(messages.map(nameOf).toSorted());
  for (const name of new Set(messages.map(nameOf))) {
    const received = receipts.filter((receipt) => nameOf(receipt) === name);
    for (const [index, { sent, arrived, size }] of messages.filter((one) => nameOf(one) === name).entries()) {
      expect(sent).toBeLessThanOrEqual(arrived);
      expect(arrived).toBeLessThanOrEqual(received[index]!.at);
      expect(size).toBe(received[index]!.size);
    }
  }
  const spans = entriesOf(trace, 'span');
  for (const one of spans) expect(one.start).toBeLessThanOrEqual(one.end);
  for (const lane of new Set(spans.map((span) => `${span.rank} ${span.lane}`))) {
    const own = spans.filter((span) => `${span.rank} ${span.lane}` === lane);
    for (const [index, span] of own.slice(1).entries()) expect(own[index]!.end).toBeLessThanOrEqual(span.start);
  }
});

test('a parameter server brings its weights to the mean of what its workers want, in whatever order they come', async () => {
  await fc.assert(
    fc.asyncProperty(anyService, async (job) => {
      const { rounds, elements, learningRate } = job.service;
      const mean = job.targets.reduce((sum, target) => sum + target, 0) / job.targets.length;
      const wanted = mean * (1 - (1 - learningRate) ** rounds);
      for (const { results } of [playHere(job, 4), await playOnThreads(job, 4, { thread })]) {
        const weights = results[0] as readonly number[];
        expect(weights).toHaveLength(elements);
        for (const weight of weights) expect(weight).toBeCloseTo(wanted, 5);
      }
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('100,000 messages leave no block held, no slot taken and no thread behind', async () => {
  const crew = crewOf({ kind: 'ping-pong', rounds: 1000, burst: 50, elements: 16 }, 2, { thread, isTraced: false });
  const outcomes = await crew.ended;
  expect(outcomes.map(({ result }) => result)).toEqual([0, 0]);
  expect(crew.unread).toBe(0);
  for (const { arenaPeak, sleepsTooLong } of outcomes) {
    expect(arenaPeak).toBeLessThanOrEqual(4 * 50 * 64);
    expect(sleepsTooLong).toBe(0);
  }
});

test('large messages arrive whole although their tensors are overwritten while they are read', async () => {
  const plan = positions(40).map((): Planned => ({ from: 0, to: 1, tag: 0, elements: 20_000, fate: 'overwritten' }));
  const job: Job = { kind: 'exchange', plan, isReversed: false };
  const { results } = await playOnThreads(job, 2, { thread, memoryLimit: 2 ** 28 });
  expect(JSON.stringify(results[1])).toBe(JSON.stringify(playHere(job, 2, { memoryLimit: 2 ** 28 }).results[1]));
});

describe('failures', () => {
  const failureOf = async (job: Job, rankCount: number, killed: number | null = null): Promise<RankFailure> => {
    const reports: unknown[] = [];
    const push = (value: unknown): void => {
      // Once all of them play.
      if (reports.push(value) === rankCount && killed !== null) crew.kill(rank(killed));
    };
    const crew = crewOf(job, rankCount, { thread, reports: { push } });
    const failure: unknown = await crew.ended.then(
      () => null,
      (error: unknown) => error,
    );
    if (!(failure instanceof RankFailure)) throw new Error('the crew did not fail');
    return failure;
  };

  test('what a rank throws comes out with its rank, its words and where it was thrown, and the others stop', async () => {
    const failure = await failureOf({ kind: 'failure', rank: 2 }, 4);
    expect(failure.message).toBe('rank 2: a failure on purpose');
    expect(failure.stack).toContain('exec-programs');
  });

  test('a rank whose thread is killed takes the others with it, be they asleep or busy', async () => {
    const asleep = await failureOf({ kind: 'endless', rank: 1 }, 3, 1);
    expect(asleep.message).toBe('rank 1: its thread was ended with code 1');
    for (const other of asleep.others)
      expect(other).toMatch(/^rank [02] waits for a letter from rank 1 \(pp, tag 9\)$/);
    const busy = await failureOf({ kind: 'endless', rank: 1 }, 3, 0);
    expect(busy.message).toBe('rank 0: its thread was ended with code 1');
  });

  test('ranks that wait for each other are told so, and what for', async () => {
    const told = /deadlock: .*rank [01] waits for a letter from rank [01] \(pp, tag 4[01]\)/;
    expect(() => playHere({ kind: 'mutual wait' }, 2)).toThrow(
      'deadlock: rank 0 waits for a letter from rank 1 (pp, tag 40); rank 1 waits for a letter from rank 0 (pp, tag 41)',
    );
    expect((await failureOf({ kind: 'mutual wait' }, 2)).message).toMatch(told);
  });

  test('a process that launched a crew ends by itself', () => {
    const argv = [fileURLToPath(main.file), fileURLToPath(thread), '2'];
    const { status, stdout, stderr } = spawnSync(execPath, argv, { encoding: 'utf8', timeout: 60_000 });
    expect(stderr).toBe('');
    expect(stdout).toBe('[0,0]');
    expect(status).toBe(0);
  });
});
