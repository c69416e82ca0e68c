/** Laws of the lifecycles: every schedule's life is legal, illegal events are refused, time is the world's, tables agree. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Subject } from '../../src/actors/lifecycles/charts.ts';
import { CHARTS, eventsOf, TIMEOUT } from '../../src/actors/lifecycles/charts.ts';
import { DEVICE_SPEED } from '../../src/actors/lifecycles/device.ts';
import { JOB_SPENDS } from '../../src/actors/lifecycles/job.ts';
import type { LifecycleClock } from '../../src/actors/lifecycles/lifecycle.ts';
import { Lifecycle } from '../../src/actors/lifecycles/lifecycle.ts';
import { LOADER_IS_BUSY } from '../../src/actors/lifecycles/loader.ts';
import { SHARD_IS_WHOLE } from '../../src/actors/lifecycles/shard.ts';
import { STAGE_PHASE } from '../../src/actors/lifecycles/stage.ts';
import { compileLifecycle, REFUSED, stateAfter } from '../../src/actors/lifecycles/transition-table.ts';
import { scheduleNamed, scheduleRule } from '../../src/actors/schedules/schedule.ts';
import type { Slot } from '../../src/actors/schedules/slot.ts';
import { passOf } from '../../src/actors/schedules/slot.ts';
import { SCHEDULES } from '../../src/scenario/job.ts';
import { stage } from '../../src/units/identity.ts';
import type { Instant, Seconds } from '../../src/units/quantity.ts';
import { instantZero, later, seconds } from '../../src/units/quantity.ts';

const SUBJECTS: readonly Subject[] = ['device', 'stage', 'shard', 'loader', 'job'];
const RESTART = seconds(90);

/** A whole world's event queue: what is due first happens first, in whole nanoseconds. */
class Queue implements LifecycleClock {
  #now: Instant = instantZero;
  #timerCount = 0;
  readonly #due = new Map<number, { readonly at: Instant; readonly act: () => void }>();

  get now(): Instant {
    return this.#now;
  }
  get pendingCount(): number {
    return this.#due.size;
  }
  setTimeout(act: () => void, delay: Seconds): number {
    this.#due.set(++this.#timerCount, { at: later(this.#now, delay), act });
    return this.#timerCount;
  }
  clearTimeout(timer: number): void {
    this.#due.delete(timer);
  }
  /** Lets everything happen that is due until `end`, each at its own time. */
  runUntil(end: Instant): void {
    for (;;) {
      const [first] = [...this.#due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (first === undefined) break;
      this.#due.delete(first[0]);
      this.#now = first[1].at;
      first[1].act();
    }
    this.#now = end;
  }
}

/** A lifecycle on a queue of its own, and all that happened to it: `from event to @ nanosecond`. */
const live = <S extends Subject>(subject: S): { life: Lifecycle<S>; queue: Queue; log: string[] } => {
  const queue = new Queue();
  const log: string[] = [];
  const life = new Lifecycle(subject, {
    clock: queue,
    restart: RESTART,
    onTransition: ({ from, event, to }) => log.push([from, event, to, '@', queue.now].join(' ')),
  });
  return { life, queue, log };
};

const at = (time: number): Instant => later(instantZero, seconds(time));

/** What a stage marks while it runs its list. */
const marksOf = (list: readonly Slot[]): string[] => {
  const passes = list.map(passOf);
  const marks = passes.flatMap((pass, index) => [
    ...(index === passes.indexOf('forward') ? ['fill'] : []),
    ...(index === passes.indexOf('backward') ? ['steady'] : []),
    ...(index === passes.lastIndexOf('forward') && pass === 'forward' ? ['drain'] : []),
  ]);
  return [...marks, 'finish'];
};

describe('a stage', () => {
  test('lives through every list of every schedule, step after step', () => {
    const seen = new Set<string>();
    for (const name of SCHEDULES)
      for (let stages = 1; stages <= 8; stages++)
        for (let microbatches = 1; microbatches <= 16; microbatches++)
          for (let chunks = 1; chunks <= 4; chunks++) {
            if (scheduleRule(name, { stages, microbatches, chunks }) !== null) continue;
            for (let s = 0; s < stages; s++)
              seen.add(marksOf(scheduleNamed(name).slots({ stage: stage(s), stages, microbatches, chunks })).join(' '));
          }
    expect([...seen].sort()).toEqual(['fill drain steady finish', 'fill steady drain finish']);
    const { life } = live('stage');
    for (const marks of [...seen, ...seen]) {
      for (const event of marks.split(' ')) life.send(event);
      expect(life.state).toBe('idle');
    }
  });

  test('fills, is steady while both passes run, and drains', () => {
    const phases = (events: string): unknown[] => {
      const { life } = live('stage');
      return events.split(' ').map((event) => {
        life.send(event);
        return STAGE_PHASE[life.state];
      });
    };
    expect(phases('fill steady drain finish')).toEqual(['warm-up', 'steady', 'cool-down', null]);
    expect(phases('fill drain steady finish')).toEqual(['warm-up', 'cool-down', 'cool-down', null]);
  });
});

describe('a device', () => {
  test('computes again exactly when its restart is over, and not a nanosecond earlier', () => {
    const { life, queue, log } = live('device');
    queue.runUntil(at(7));
    life.send('fail');
    queue.runUntil(at(20));
    life.send('replace');
    queue.runUntil((at(110) - 1) as Instant);
    expect(life.state).toBe('recovering');
    queue.runUntil(at(110));
    expect(life.state).toBe('healthy');
    expect(log).toEqual([
      'healthy fail failed @ 7000000000',
      'failed replace recovering @ 20000000000',
      'recovering timeout healthy @ 110000000000',
    ]);
  });

  test('that fails while it recovers starts its restart anew', () => {
    const { life, queue } = live('device');
    for (const event of ['fail', 'replace']) life.send(event);
    queue.runUntil(at(60));
    life.send('fail');
    expect(queue.pendingCount).toBe(0);
    queue.runUntil(at(100));
    expect(life.state).toBe('failed');
    life.send('replace');
    queue.runUntil(at(180));
    expect(life.state).toBe('recovering');
    queue.runUntil(at(190));
    expect(life.state).toBe('healthy');
  });

  test('computes at full speed when healthy, at a share of it when slow, and not at all otherwise', () => {
    const { life } = live('device');
    const speeds = [DEVICE_SPEED[life.state](4)];
    for (const event of ['degrade', 'restore', 'degrade', 'fail', 'replace']) {
      life.send(event);
      speeds.push(DEVICE_SPEED[life.state](4));
    }
    expect(speeds).toEqual([1, 0.25, 1, 0.25, 0, 0]);
  });
});

/** Lives that the programs and the faults of a world bring about, and where they end. */
test.each<[Subject, string, string]>([
  ['shard', 'reduce update publish rest reduce update publish', 'publishing'],
  ['shard', 'reduce update rest reduce update rest', 'idle'],
  ['loader', 'read deliver read deliver read', 'reading'],
  ['job', 'place train checkpoint resume finish', 'done'],
  ['job', 'place train fail recover checkpoint fail fail recover finish', 'done'],
  ['job', 'place fail recover', 'training'],
  ['device', 'degrade restore degrade fail replace', 'recovering'],
])('a %s may live through %s', (subject, events, end) => {
  const { life, log } = live(subject);
  for (const event of events.split(' ')) life.send(event);
  expect(life.state).toBe(end);
  expect(log.map((line) => line.split(' ')[1]).join(' ')).toBe(events);
});

test.each<[Subject, string, string, string]>([
  ['stage', '', 'drain', "stage lifecycle: event 'drain' in state 'idle', wanted fill"],
  ['stage', 'fill', 'fill', "stage lifecycle: event 'fill' in state 'filling', wanted steady or drain"],
  ['stage', 'fill steady drain', 'steady', "stage lifecycle: event 'steady' in state 'draining', wanted finish"],
  ['stage', 'fill drain', 'finish', "stage lifecycle: event 'finish' in state 'turning', wanted steady"],
  ['shard', '', 'publish', "shard lifecycle: event 'publish' in state 'idle', wanted reduce"],
  ['loader', 'read', 'read', "loader lifecycle: event 'read' in state 'reading', wanted deliver"],
  ['job', 'place train finish', 'fail', "job lifecycle: event 'fail' in state 'done', wanted none"],
  ['job', '', 'no such event', "job lifecycle: event 'no such event' in state 'waiting', wanted place"],
  ['device', '', 'replace', "device lifecycle: event 'replace' in state 'healthy', wanted degrade or fail"],
])('a %s that lived through "%s" refuses %s, names its state, and stays in it', (subject, events, event, complaint) => {
  const { life, log } = live(subject);
  for (const legal of events.split(' ').filter(Boolean)) life.send(legal);
  const before = [life.state, log.length];
  expect(() => life.send(event)).toThrow(complaint);
  expect([life.state, log.length]).toEqual(before);
});

describe.each(SUBJECTS)('the table of a %s', (subject) => {
  const table = compileLifecycle(subject);

  test('has every state of the chart, so that each can be reached', () => {
    expect([...table.states].sort()).toEqual(Object.keys(CHARTS[subject].states).sort());
    expect(table.events).toEqual([...eventsOf(subject), TIMEOUT]);
    expect(table.next.length).toBe(table.states.length * table.events.length);
  });

  test('leads from every state to where a life may end or begin again', () => {
    const homes: Readonly<Record<Subject, string>> = {
      device: 'healthy',
      stage: 'idle',
      shard: 'idle',
      loader: 'idle',
      job: 'done',
    };
    const home = table.states.findIndex((state) => state === homes[subject]);
    expect(table.states.filter((_, state) => !reachableFrom(table, state).has(home))).toEqual([]);
  });

  test('goes from state to state as XState does, and refuses what XState refuses', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(table.events.length - 1), { maxLength: 40 }), (events) => {
        const { life, queue } = live(subject);
        let state = 0;
        for (const event of events) {
          const next = follows(() => stateAfter(table, state, event));
          expect(follows(() => happen({ life, queue }, table.events[event]!)) !== null).toBe(next !== null);
          state = next ?? state;
          expect(life.state).toBe(table.states[state]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a table names the state and the event that it refuses', () => {
  const table = compileLifecycle('stage');
  expect(() => stateAfter(table, 0, table.events.indexOf('finish'))).toThrow(
    "stage lifecycle: event 'finish' in state 'idle', wanted fill",
  );
});

test('a checkpoint may be taken of a shard until its weights change, and again when all ranks have the new ones', () => {
  const { life } = live('shard');
  const isWhole = ['reduce', 'update', 'publish', 'rest'].map((event) => {
    life.send(event);
    return SHARD_IS_WHOLE[life.state];
  });
  expect(isWhole).toEqual([true, false, false, true]);
});

test('a loader keeps its host busy from read to delivery', () => {
  const { life } = live('loader');
  const isBusy = ['read', 'deliver'].map((event) => {
    life.send(event);
    return LOADER_IS_BUSY[life.state];
  });
  expect(isBusy).toEqual([true, false]);
});

test('a job makes progress only while it trains, and costs nothing before it is placed and after it is done', () => {
  const { life } = live('job');
  const spent = ['place', 'train', 'checkpoint', 'resume', 'fail', 'recover', 'finish'].map((event) => {
    life.send(event);
    return JOB_SPENDS[life.state];
  });
  expect(JOB_SPENDS.waiting).toBe('nothing');
  expect(spent).toEqual(['overhead', 'progress', 'overhead', 'progress', 'overhead', 'progress', 'nothing']);
});

/** The answer of `act`, or null where it throws. */
const follows = <Answer>(act: () => Answer): Answer | null => {
  try {
    return act();
  } catch {
    return null;
  }
};

/** Brings the event about: a timeout by letting time pass, any other by sending it. */
const happen = ({ life, queue }: { life: Lifecycle<Subject>; queue: Queue }, event: string): void => {
  if (event !== TIMEOUT) life.send(event);
  else if (queue.pendingCount === 0) throw new Error('no timer is set');
  else queue.runUntil(later(queue.now, RESTART));
};

const reachableFrom = (table: ReturnType<typeof compileLifecycle>, state: number): Set<number> => {
  const reached = new Set([state]);
  for (const from of reached)
    for (let event = 0; event < table.events.length; event++) {
      const to = table.next[from * table.events.length + event]!;
      if (to !== REFUSED) reached.add(to);
    }
  return reached;
};
