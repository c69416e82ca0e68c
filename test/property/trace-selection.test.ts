/** Laws of the part of a trace that is shown: its window, its ranks, and which format a name stands for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Trace, TraceEntry } from '../../src/effects/trace.ts';
import { formatFor, TRACE_FORMATS } from '../../src/report/trace/format.ts';
import { levelsAt } from '../../src/report/trace/levels.ts';
import { Frontier } from '../../src/report/trace/frontier.ts';
import { parseRanks, parseWindow, shownSteps, within } from '../../src/report/trace/selection.ts';
import { instant } from '../../src/units/quantity.ts';
import { DETAILED } from '../worlds/detailed-traces.ts';
import { anyJobOf } from '../worlds/job-case.ts';

const endsOf = (entry: TraceEntry): readonly [number, number] => {
  if (entry.kind === 'span' || entry.kind === 'collective') return [entry.start, entry.end];
  return entry.kind === 'message' ? [entry.sent, entry.arrived] : [entry.at, entry.at];
};
const lastLevels = (trace: Trace, at: number): readonly string[] =>
  levelsAt(trace, instant(at))
    .map((level) => JSON.stringify({ ...level, at: 0 }))
    .toSorted();

describe('a window', () => {
  test('holds what happens in it, cut off at its ends, and knows what is held whenever it ends', () => {
    fc.assert(
      fc.property(
        anyJobOf(4),
        fc.tuple(fc.double({ min: 0, max: 1 }), fc.double({ min: 0, max: 1 })),
        (job, shares) => {
          const trace = DETAILED.simulated(job);
          const end = Math.max(...trace.map((entry) => endsOf(entry)[1]));
          const [from, to] = shares.filter((share) => !Number.isNaN(share)).toSorted((a, b) => a - b);
          const window = { from: instant((from ?? 0) * end), to: instant((to ?? 1) * end + 1) };
          const shown = within(trace, window);
          const isInside = (entry: TraceEntry): boolean => {
            const [start, over] = endsOf(entry);
            return start >= window.from && over <= window.to && start <= over;
          };
          expect(shown.filter((entry) => !isInside(entry))).toEqual([]);
          const whole = trace.filter((entry) => entry.kind === 'span').filter(isInside);
          expect(shown.filter((entry) => entry.kind === 'span').length).toBeGreaterThanOrEqual(whole.length);
          expect(lastLevels(shown, window.to)).toEqual(lastLevels(trace, window.to));
        },
      ),
      { numRuns: 3 },
    );
  });
  test('that holds everything leaves nothing out', () => {
    fc.assert(
      fc.property(anyJobOf(2), (job) => {
        const trace = DETAILED.simulated(job);
        const end = Math.max(...trace.map((entry) => endsOf(entry)[1]));
        const spansOf = (one: Trace): Trace => one.filter(({ kind }) => kind === 'span' || kind === 'message');
        expect(spansOf(within(trace, { from: instant(0), to: instant(end) }))).toEqual(spansOf(trace));
      }),
      { numRuns: 3 },
    );
  });
  test.each(['', '1ms', '5ms..1ms', '1ms..1ms', '1..2', '1ms..2ms..3ms', '1 parsec..2 parsec'])(
    'is not %j, and the refusal says what was wanted',
    (text) => expect(() => parseWindow(text)).toThrow('such as 1ms..5ms'),
  );
  test('is from the one time to the other', () => {
    expect(parseWindow('1ms..2.5ms')).toEqual({ from: 1e6, to: 2.5e6 });
    expect(parseWindow('0s .. 3us')).toEqual({ from: 0, to: 3e3 });
  });
  test('shows as much of each step as is in it, by its number in the run', () => {
    const ends = [10, 20, 30].map(instant);
    expect(shownSteps(ends, 4, null)).toEqual([
      { number: 5, start: 0, end: 10 },
      { number: 6, start: 10, end: 20 },
      { number: 7, start: 20, end: 30 },
    ]);
    expect(shownSteps(ends, 0, { from: instant(12), to: instant(25) })).toEqual([
      { number: 2, start: 12, end: 20 },
      { number: 3, start: 20, end: 25 },
    ]);
  });
});

describe('ranks', () => {
  test('are all of the ranges that are named, once each, in their order', () => {
    const anyRange = fc.tuple(fc.nat(50), fc.nat(9)).map(([first, more]) => ({ first, last: first + more }));
    fc.assert(
      fc.property(fc.array(anyRange, { minLength: 1, maxLength: 5 }), (ranges) => {
        const text = ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(',');
        const wanted = Array.from({ length: 60 }, (_, rank) => rank).filter((rank) =>
          ranges.some(({ first, last }) => first <= rank && rank <= last),
        );
        expect([...parseRanks(text)]).toEqual(wanted);
      }),
    );
  });
  test.each(['', 'a', '3-1', '1,,2', '-1', '1-2-3', '1.5'])(
    'are not %j, and the refusal says what was wanted',
    (text) => expect(() => parseRanks(text)).toThrow('such as 0-7,16'),
  );
});

describe('the name of what is written', () => {
  test('stands for the format by its ending, in any case', () => {
    const formats = ['t.pftrace', 'T.PFTRACE', 'a.perfetto-trace', 'x/t.json'].map((name) => formatFor(name, null));
    expect(formats).toEqual(
      (['pftrace', 'pftrace', 'pftrace', 'chrome'] as const).map((format) => ({ kind: 'format', format })),
    );
  });
  test.each([
    ['t.txt', null, 'wanted a name that ends in .pftrace or .json, or a folder with --format'],
    ['traces/', null, 'wanted a name that ends in .pftrace or .json, or a folder with --format'],
    ['t.json', 'pftrace', 'wanted a name that ends in .pftrace or .perfetto-trace'],
    ['t.pftrace', 'chrome', 'wanted a name that ends in .json'],
    ['t.json', 'kineto', 'wanted the name of a folder'],
    ['t.et', 'chakra', 'wanted the name of a folder'],
  ] as const)('%s with %s is refused with what was wanted', (name, asked, words) => {
    const reading = formatFor(name, asked);
    expect(reading.kind === 'misfit' ? reading.message : reading).toContain(words);
    expect(reading.kind === 'misfit' ? reading.message : reading).toContain(name);
  });
  test('fits exactly one kind of format', () => {
    for (const name of ['t.pftrace', 't.json', 'traces/'])
      expect(TRACE_FORMATS.filter((format) => formatFor(name, format).kind === 'format').length).toBe(
        name === 'traces/' ? 2 : 1,
      );
  });
});

test('a strand of a Chakra graph goes on from where it was forked, and waits for all that it has joined', () => {
  const frontier = new Frontier();
  frontier.advance('', [1]);
  frontier.fork('', '/0');
  frontier.fork('', '/1');
  expect([frontier.of('/0'), frontier.of('/1')]).toEqual([[1], [1]]);
  frontier.advance('', [2]);
  frontier.advance('/0', [3]);
  frontier.join('', '/0');
  expect(frontier.of('')).toEqual([2, 3]);
  frontier.join('', '/1');
  expect(frontier.of('')).toEqual([1, 2, 3]);
});
