/** Laws of the lifecycles in a world: every mark is legal, a slow card costs its slowness, a failed one its restart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Subject } from '../../src/actors/lifecycles/charts.ts';
import { CHARTS } from '../../src/actors/lifecycles/charts.ts';
import { supervisorOf } from '../../src/actors/device.ts';
import { compileLifecycle, stateAfter } from '../../src/actors/lifecycles/transition-table.ts';
import type { Passage, Span, Trace, TraceEntry } from '../../src/effects/trace.ts';
import { placementOf } from '../../src/actors/schedules/placement.ts';
import type { Job } from '../../src/scenario/job.ts';
import { microbatchesOf } from '../../src/scenario/job.ts';
import type { MessageRun } from '../../src/sim/message.ts';
import { CALM, message } from '../../src/sim/message.ts';
import type { Conditions, Incident } from '../../src/sim/setting.ts';
import { rank } from '../../src/units/identity.ts';
import { instantZero, later, seconds } from '../../src/units/quantity.ts';
import { positions } from '../worlds/collective-case.ts';
import { anyJob, legalJobs } from '../worlds/job-case.ts';
import { tinyJob } from '../worlds/jobs.ts';

const entriesOf = <K extends TraceEntry['kind']>(trace: Trace, kind: K): Extract<TraceEntry, { kind: K }>[] =>
  trace.filter((entry): entry is Extract<TraceEntry, { kind: K }> => entry.kind === kind);
const nanoseconds = (time: number): number => Math.round(time * 1e9);
const at = (instant: number): Incident['at'] => later(instantZero, seconds(instant / 1e9));

const livesOf = (trace: Trace): ReadonlyMap<string, readonly Passage[]> => {
  const lives = new Map<string, Passage[]>();
  for (const passage of entriesOf(trace, 'passage')) {
    const name = `${passage.rank} ${passage.subject}`;
    lives.set(name, [...(lives.get(name) ?? []), passage]);
  }
  return lives;
};
const jobLife = (trace: Trace, { devices }: Job): readonly string[] => {
  const passages = livesOf(trace).get(`${supervisorOf({ devices })} job`) ?? [];
  return passages.map(({ to }) => to);
};

/** Every life goes from state to state as its chart allows, in the order of time. */
const expectLegal = (trace: Trace): void => {
  for (const [name, passages] of livesOf(trace)) {
    const subject = passages[0]!.subject as Subject;
    const table = compileLifecycle(subject);
    let state = 0;
    let time = 0;
    for (const { from, event, to, at: instant } of passages) {
      expect(from, name).toBe(table.states[state]);
      state = stateAfter(table, state, table.events.indexOf(event));
      expect(to, name).toBe(table.states[state]);
      expect(instant).toBeGreaterThanOrEqual(time);
      time = instant;
    }
  }
};

describe('in a calm step', () => {
  const expectWholeLife = (job: Job): void => {
    const { trace } = message(job);
    expectLegal(trace);
    expect(jobLife(trace, job)).toEqual(['placing', 'training', 'done']);
    const lives = livesOf(trace);
    for (const self of positions(job.devices)) {
      const stage = lives.get(`${self} stage`)!.map(({ event }) => event);
      expect(stage.toSorted()).toEqual(['drain', 'fill', 'finish', 'steady']);
      const shard = lives.get(`${self} shard`)!.map(({ event }) => event);
      const publishes = job.layout.zero === 1 || job.layout.zero === 2 ? !job.software.overlap : false;
      expect(shard).toEqual(['reduce', 'update', ...(publishes ? ['publish'] : []), 'rest']);
      for (const subject of ['stage', 'shard', 'loader'] as const) {
        const last = lives.get(`${self} ${subject}`)?.at(-1);
        if (last !== undefined) expect(last.to).toBe('idle');
      }
      expect(lives.has(`${self} device`)).toBe(false);
    }
  };

  test.each([1, 2, 4, 6])('every actor lives its whole life, on every layout of %d ranks', (devices) => {
    for (const job of legalJobs(devices, { workload: { globalBatch: devices } })) expectWholeLife(job);
  });
  test('and so it does for every model, overlap and recomputation', () => {
    fc.assert(fc.property(anyJob, expectWholeLife), { numRuns: 40 });
  });

  test('a loader reads what its ends of the model need, one read at a time', () => {
    // Where the first stage is the last one too, two chunks read beside each other.
    const jobs = legalJobs(4, { workload: { globalBatch: 8 } }).filter(
      ({ layout }) => placementOf(layout.schedule) === 'round',
    );
    for (const job of jobs) {
      const lives = livesOf(message(job).trace);
      const { tp, cp, dp, pp } = job.layout;
      const microbatches = microbatchesOf(job);
      for (const self of positions(4)) {
        const stage = Math.floor(self / (tp * cp * dp));
        const reads = (stage === 0 ? microbatches : 0) + (stage === pp - 1 ? microbatches : 0);
        const events = (lives.get(`${self} loader`) ?? []).map(({ event }) => event);
        expect(events).toEqual(positions(reads).flatMap(() => ['read', 'deliver']));
      }
    }
  });
});

const under = (job: Job, incidents: readonly Incident[], further: Partial<Conditions> = {}): MessageRun =>
  message(job, { ...CALM, incidents, slowdown: 3, restart: seconds(1e-3), ...further });

const computing = (trace: Trace, self: number): readonly Span[] =>
  entriesOf(trace, 'span').filter(({ rank: owner, lane }) => owner === self && lane === 'compute');
const lengthOf = ({ start, end }: Span): number => end - start;
/** False for what a stage does when it has passed the last gradient on: only the first stage keeps the step waiting with it. */
const isOnChain = ({ rank: self, name }: Span): boolean => self === 0 || !ASIDE.includes(name);
/** Of these a stage behind does one before the first activation reaches it, too, and waits all the same. */
const ASIDE = ['fill', 'squared-norm', 'clip-factor', 'adam'];
const busy = (trace: Trace, self: number): number =>
  computing(trace, self)
    .filter(isOnChain)
    .reduce((total, span) => total + lengthOf(span), 0);
const endOf = (trace: Trace, self: number): number => computing(trace, self).at(-1)!.end;
const stepOf = ({ evaluation }: MessageRun): number => nanoseconds(evaluation.step);

/** An instant of the step, not the first: then every card has begun its first operation. */
const within = (calm: MessageRun, share: number): number => Math.max(1, Math.floor(share * stepOf(calm)));

/** One microbatch through a pipeline of single cards: nothing runs beside anything else. */
const chain = (pp: number): Job => tinyJob({ layout: { pp }, workload: { globalBatch: 1 } });
const aCase = fc.record({
  pp: fc.constantFrom(1, 2, 4),
  card: fc.nat(3),
  share: fc.double({ min: 0, max: 0.999, noNaN: true }),
  slowdown: fc.double({ min: 1, max: 5, noNaN: true }),
});

describe('a slow card', () => {
  test('makes an uncontended step longer by exactly what its operations take more from then on', () => {
    fc.assert(
      fc.property(aCase, ({ pp, card, share, slowdown }) => {
        const job = chain(pp);
        const self = card % pp;
        const calm = message(job);
        const instant = within(calm, share);
        const slow = under(job, [{ at: at(instant), rank: rank(self), event: 'degrade' }], { slowdown });
        const longer = busy(slow.trace, self) - busy(calm.trace, self);
        expect(stepOf(slow)).toBe(Math.max(stepOf(calm) + longer, endOf(slow.trace, self)));
        const spans = computing(slow.trace, self);
        for (const [index, before] of computing(calm.trace, self).entries()) {
          const factor = spans[index]!.start < instant ? 1 : slowdown;
          expect(Math.abs(lengthOf(spans[index]!) - factor * lengthOf(before))).toBeLessThanOrEqual(slowdown + 1e-9);
        }
        expectLegal(slow.trace);
      }),
      { numRuns: 60 },
    );
  });

  test('never makes a step shorter, and changes no byte, no message and no memory', () => {
    fc.assert(
      fc.property(anyJob, fc.nat(7), fc.double({ min: 0, max: 0.9, noNaN: true }), (job, card, share) => {
        const calm = message(job);
        const incident = { at: at(Math.floor(share * stepOf(calm))), rank: rank(card % job.devices) };
        const slow = under(job, [{ ...incident, event: 'degrade' }]);
        expect(stepOf(slow)).toBeGreaterThanOrEqual(stepOf(calm));
        expect(slow.evaluation.sent).toEqual(calm.evaluation.sent);
        expect(slow.evaluation.hardwareFlops).toBe(calm.evaluation.hardwareFlops);
        expect(slow.evaluation.stages.map(({ memory }) => memory)).toEqual(
          calm.evaluation.stages.map(({ memory }) => memory),
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('a failed card', () => {
  test('begins its next operation when its replacement has started, and all behind it follows', () => {
    fc.assert(
      fc.property(aCase, fc.nat(2_000_000), ({ pp, card, share }, restart) => {
        const job = chain(pp);
        const self = card % pp;
        const calm = message(job);
        const instant = within(calm, share);
        const next = computing(calm.trace, self).find(({ start }) => start >= instant);
        if (next === undefined) return;
        const failed = under(job, [{ at: at(instant), rank: rank(self), event: 'fail' }], {
          restart: seconds(restart / 1e9),
        });
        const delay = Math.max(0, instant + restart - next.start);
        const longer = isOnChain(next) ? delay : 0;
        expect(stepOf(failed)).toBe(Math.max(stepOf(calm) + longer, endOf(calm.trace, self) + delay));
        expectLegal(failed.trace);
      }),
      { numRuns: 80 },
    );
  });

  test('takes the job from training to recovering and, once it computes again, back', () => {
    fc.assert(
      fc.property(anyJob, fc.nat(7), fc.double({ min: 0, max: 0.999, noNaN: true }), (job, card, share) => {
        const calm = message(job);
        const self = rank(card % job.devices);
        const instant = at(within(calm, share));
        const { trace } = under(job, [{ at: instant, rank: self, event: 'fail' }]);
        expectLegal(trace);
        expect(jobLife(trace, job)).toEqual(['placing', 'training', 'recovering', 'training', 'done']);
        const device = livesOf(trace).get(`${self} device`)!;
        expect(device.map(({ to }) => to)).toEqual(['failed', 'recovering', 'healthy']);
        expect(device[2]!.at - device[1]!.at).toBe(1_000_000);
        const work = computing(trace, self).filter(({ start }) => start >= instant);
        for (const { start } of work) expect(start).toBeGreaterThanOrEqual(device[2]!.at);
      }),
      { numRuns: 40 },
    );
  });

  test('keeps the job from training until the last of several computes again', () => {
    const job = tinyJob({ layout: { dp: 4 } });
    const restart = seconds(1e-3);
    const incidents = [10_000, 500_000].map((instant, index) => ({
      at: at(instant),
      rank: rank(index),
      event: 'fail' as const,
    }));
    const { trace } = under(job, incidents, { restart });
    const passages = livesOf(trace).get(`${supervisorOf(job)} job`)!;
    const back = passages.find(({ event }) => event === 'recover')!;
    expect(back.at).toBe(500_000 + 1_000_000);
    expect(passages.filter(({ event }) => event === 'recover')).toHaveLength(1);
  });
});

test('a step needs every state of its charts: each is reached in a step with a slow and a failed card', () => {
  const job = tinyJob({ layout: { pp: 2, dp: 2, zero: 1 }, software: { ...tinyJob().software, overlap: false } });
  const { trace } = under(job, [
    { at: at(20_000), rank: rank(0), event: 'degrade' },
    { at: at(40_000), rank: rank(1), event: 'fail' },
  ]);
  const reached = (subject: Subject): readonly string[] => [
    ...new Set(
      entriesOf(trace, 'passage')
        .filter((passage) => passage.subject === subject)
        .map(({ to }) => to),
    ),
  ];
  const statesOf = (subject: Subject): readonly string[] => Object.keys(CHARTS[subject].states);
  for (const subject of ['device', 'shard', 'loader'] as const)
    expect(reached(subject).toSorted()).toEqual(statesOf(subject).toSorted());
  // Checkpoints are between steps; a stage turns where its first backward has no forward behind it.
  expect(statesOf('job').filter((state) => !reached('job').includes(state))).toEqual(['waiting', 'checkpointing']);
  expect(statesOf('stage').filter((state) => !reached('stage').includes(state))).toEqual(['turning']);
  const gpipe = message(tinyJob({ layout: { pp: 2, schedule: 'gpipe' } })).trace;
  expect(entriesOf(gpipe, 'passage').some(({ to }) => to === 'turning')).toBe(true);
});
