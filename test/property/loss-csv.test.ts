/** Laws of what a run leaves of its losses: exact numbers, no step twice, and pictures of them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunRecord } from '../../src/cli/run-record.ts';
import { ticksBetween } from '../../src/report/axis-ticks.ts';
import type { StepRow } from '../../src/report/loss-csv.ts';
import { LOSS_HEADER, lossLine, parseLossCsv } from '../../src/report/loss-csv.ts';
import { lossCurve } from '../../src/report/loss-curve.ts';
import { lossSketch } from '../../src/report/loss-sketch.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import type { ReadEvent } from '../worlds/event-reader.ts';
import { eventsIn } from '../worlds/event-reader.ts';

const rowAt = (step: number, loss = 5 - step / 100): StepRow => ({
  step,
  tokens: step * 1024,
  loss,
  learningRate: 1e-3,
  gradientNorm: 0.5,
  gradientFactor: 1,
  time: seconds(0.125),
  tokensPerSecond: 8192,
  validationLoss: step % 10 === 0 ? loss + 0.1 : null,
});
const rowsUpTo = (step: number): readonly StepRow[] => Array.from({ length: step }, (_, index) => rowAt(index + 1));
const anyNumber = fc.double({ noDefaultInfinity: true });
const anyRow = fc.record({
  step: fc.nat(),
  tokens: fc.maxSafeNat(),
  loss: anyNumber,
  learningRate: anyNumber,
  gradientNorm: anyNumber,
  gradientFactor: anyNumber,
  time: fc.nat().map((ms) => seconds(ms / 1e3)),
  tokensPerSecond: fc.nat(),
  validationLoss: fc.option(anyNumber),
});

/** Text does not tell -0 from 0. */
const signless = (row: StepRow): object =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value === 0 ? 0 : value]));

test('losses are read as they were written, bit for bit, those that are no numbers too', () => {
  fc.assert(
    fc.property(fc.array(anyRow), (rows) => {
      expect(parseLossCsv(LOSS_HEADER + rows.map(lossLine).join('')).map(signless)).toEqual(rows.map(signless));
    }),
  );
  expect(LOSS_HEADER + lossLine(rowAt(10, 4.5))).toBe(
    'step,tokens,loss_nats,learning_rate,gradient_norm,gradient_factor,ms,tokens_per_second,validation_loss_nats\n' +
      '10,10240,4.5,0.001,0.5,1,125.000,8192.0,4.6\n',
  );
});

test('a run that goes on from a step repeats none and misses none, wherever the file was cut off', () => {
  const text = LOSS_HEADER + rowsUpTo(20).map(lossLine).join('');
  const folder = mkdtempSync(join(tmpdir(), 'run-'));
  const path = join(folder, 'loss.csv');
  try {
    fc.assert(
      fc.property(fc.integer({ min: LOSS_HEADER.length, max: text.length }), fc.nat(25), (end, step) => {
        writeFileSync(path, text.slice(0, end));
        new RunRecord(folder, step).close('a');
        const whole = text.slice(0, end).split('\n').length - 2;
        expect(parseLossCsv(readFileSync(path, 'utf8')).map((row) => row.step)).toEqual(
          Array.from({ length: Math.min(step, whole) }, (_, index) => index + 1),
        );
      }),
      { numRuns: 30 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(() => parseLossCsv('a,b\n')).toThrow(/"a,b" is no header/u);
  expect(() => parseLossCsv(`${LOSS_HEADER}1,2\n`)).toThrow(/"1,2" is no row/u);
});

test('the files of a run that was interrupted and went on are those of one that was not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-'));
  try {
    const record = (name: string, from: number, to: number): void => {
      const one = new RunRecord(join(folder, name), from);
      for (const row of rowsUpTo(to).slice(from)) one.add({ row, devices: 2, peakMemory: bytes(0) });
      one.close('a run');
    };
    record('whole', 0, 30);
    record('parts', 0, 17);
    writeFileSync(join(folder, 'parts', 'loss.csv'), '18,18', { flag: 'a' });
    record('parts', 10, 30);
    const file = (name: string, path: string): string => readFileSync(join(folder, name, path), 'utf8');
    for (const path of ['loss.csv', 'loss.svg']) expect(file('parts', path)).toBe(file('whole', path));
    // Two that begin in one second too: a record that was cut off spoils no other's.
    expect(readdirSync(join(folder, 'parts', 'tensorboard'))).toHaveLength(2);
    const events = readdirSync(join(folder, 'parts', 'tensorboard')).flatMap((name) =>
      eventsIn(readFileSync(join(folder, 'parts', 'tensorboard', name))),
    );
    expect(events.filter(({ session }) => session === 1).map(({ step }) => step)).toEqual([1, 11]);
    expect(events.filter(({ scalars }) => 'grad_norm' in scalars)).toHaveLength(17 + 20);
    expect(stepsShown(events)).toEqual(rowsUpTo(30).map(({ step }) => step));
    expect(new RunRecord(join(folder, 'parts'), 5).rows.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    writeFileSync(join(folder, 'in the way'), '');
    expect(() => new RunRecord(join(folder, 'in the way'), 0)).toThrow(/in the way.*: .*(EEXIST|ENOTDIR)/u);
    writeFileSync(join(folder, 'parts', 'loss.csv'), 'something else\n');
    for (const step of [0, 5])
      expect(() => new RunRecord(join(folder, 'parts'), step)).toThrow(
        /loss.csv is there already.*"something else" is no header/u,
      );
    expect(file('parts', 'loss.csv')).toBe('something else\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** As TensorBoard's event accumulator has it: a session that starts forgets what was said of its step and of later ones. */
const stepsShown = (events: readonly ReadEvent[]): readonly number[] =>
  events.reduce<readonly number[]>((steps, { step, session, scalars }) => {
    if (session === SESSION_START) return steps.filter((one) => one < step);
    return 'grad_norm' in scalars ? [...steps, step] : steps;
  }, []);
const SESSION_START = 1;

test('ticks are round, ascend, and stay within the axis', () => {
  // An axis is no shorter than what its labels can tell apart.
  const anyEnds = fc
    .tuple(fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.double({ min: 1e-4, max: 1e6, noNaN: true }))
    .map(([from, length]): [number, number] => [from, length]);
  fc.assert(
    fc.property(anyEnds, fc.integer({ min: 1, max: 12 }), ([from, length], count) => {
      const ticks = ticksBetween(from, from + length, count);
      expect(ticks.length).toBeLessThanOrEqual(count + 1);
      for (const [index, tick] of ticks.entries()) {
        expect(tick).toBeGreaterThanOrEqual(from - length * 1e-6);
        expect(tick).toBeLessThanOrEqual(from + length * (1 + 1e-6));
        if (index > 0) expect(tick).toBeGreaterThan(ticks[index - 1]!);
      }
    }),
  );
  expect(ticksBetween(0, 1, 4)).toEqual([0, 0.5, 1]);
  expect(ticksBetween(1, 300, 8)).toEqual([50, 100, 150, 200, 250, 300]);
  expect(ticksBetween(1.93, 5.61, 6)).toEqual([2, 3, 4, 5]);
});

const pathsIn = (svg: string): readonly (readonly (readonly [number, number])[])[] =>
  [...svg.matchAll(/<path d="M([^"]+)" fill="none"/gu)].map(([, path]) =>
    path!.split('L').map((point): [number, number] => {
      const [x, y] = point.split(' ').map(Number);
      return [x!, y!];
    }),
  );

test('the curve goes from left to right, lower where the loss is lower, and stays in the picture', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 2, maxLength: 50 }), (losses) => {
      const rows = losses.map((loss, index) => ({ ...rowAt(index + 1, loss), validationLoss: null }));
      const [line] = pathsIn(lossCurve(rows, 'test'));
      expect(line).toHaveLength(losses.length);
      for (const [index, [x, y]] of line!.entries()) {
        expect(x).toBeGreaterThanOrEqual(64);
        expect(x).toBeLessThanOrEqual(740);
        expect(y).toBeGreaterThanOrEqual(48);
        expect(y).toBeLessThanOrEqual(368);
        if (index === 0) continue;
        expect(x).toBeGreaterThan(line![index - 1]![0]);
        const difference = losses[index]! - losses[index - 1]!;
        if (Math.abs(difference) > 0.1) expect(Math.sign(line![index - 1]![1] - y)).toBe(Math.sign(difference));
      }
    }),
  );
});

test('a curve says its units, both its lines and its title, and is light however long the run was', () => {
  const svg = lossCurve(rowsUpTo(20), 'a <b> & c');
  for (const words of ['loss (nats a token)', '>step<', 'train 4.800', 'validation 4.900', 'a &lt;b&gt; &amp; c'])
    expect(svg).toContain(words);
  expect(pathsIn(svg).map((line) => line.length)).toEqual([20, 2]);
  const long = lossCurve(
    Array.from({ length: 300_000 }, (_, index) => ({ ...rowAt(index + 1), validationLoss: null })),
    '',
  );
  expect(long.length).toBeLessThan(20_000);
  for (const rows of [[], [rowAt(1, NaN)], [rowAt(1)], [rowAt(3), rowAt(4)]])
    expect(lossCurve(rows, 'short')).not.toMatch(/NaN|Infinity|undefined/u);
});

test('the sketch falls as the loss falls, within its width, and names both ends', () => {
  const lines = lossSketch(rowsUpTo(200), 60);
  expect(lines).toHaveLength(7);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
  expect(lines[0]).toMatch(/^ {2}4\.9\d\d [▁▂▃▄▅▆▇█]+$/u);
  expect(lines[5]).toMatch(/^ {2}3\.0\d\d █+[▁▂▃▄▅▆▇]+$/u);
  expect(lines[6]).toMatch(/^ {3}step 1 +200$/u);
  const widths = lines.slice(0, 6).map((line) => line.length);
  expect(widths).toEqual(widths.toSorted((a, b) => a - b));
  expect(lossSketch([rowAt(1)], 60)).toEqual([]);
});
