/** Laws of single slots and lists: the orders that the papers draw, what a schedule refuses, and what a slot keeps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scheduleNamed, scheduleRule } from '../../src/actors/schedules/schedule.ts';
import {
  chunkOf,
  chunksMax,
  isJoined,
  joined,
  microbatchesMax,
  microbatchOf,
  PASSES,
  passOf,
  slot,
} from '../../src/actors/schedules/slot.ts';
import type { ScheduleName } from '../../src/scenario/job.ts';
import { microbatch, modelChunk, stage } from '../../src/units/identity.ts';

test('the first of 4 stages takes 8 microbatches in the order that Narayanan et al. draw in figure 4', () => {
  const drawn = (name: ScheduleName, chunks: number): string =>
    scheduleNamed(name)
      .slots({ stage: stage(0), stages: 4, microbatches: 8, chunks })
      .map((entry) => microbatchOf(entry) + 1)
      .join(' ');
  expect(drawn('1f1b', 1)).toBe('1 2 3 4 1 5 2 6 3 7 4 8 5 6 7 8');
  expect(drawn('interleaved', 2)).toBe('1 2 3 4 1 2 3 4 5 6 7 1 8 2 5 3 6 4 7 1 8 2 3 4 5 6 7 8 5 6 7 8');
});

test('the first stages take the split passes in the order that the papers draw', () => {
  const drawn = (name: ScheduleName, s: number, chunks: number, microbatches: number): string =>
    scheduleNamed(name)
      .slots({ stage: stage(s), stages: 4, microbatches, chunks })
      .map((entry) => `${'FBW'[PASSES.indexOf(passOf(entry))]}${microbatchOf(entry) + 1}${'ab'[chunkOf(entry)]}`)
      .join(' ');
  expect(drawn('zb-h1', 0, 1, 5)).toBe('F1a F2a F3a F4a B1a W1a F5a B2a W2a B3a W3a B4a W4a B5a W5a');
  expect(drawn('zb-h1', 2, 1, 5)).toBe('F1a F2a B1a F3a B2a F4a B3a W1a F5a B4a W2a B5a W3a W4a W5a');
  expect(drawn('zb-v', 3, 2, 7)).toBe(
    'F1a F1b F2a F2b F3a F3b F4a F4b B1b W1b F5a B1a W1a F5b B2b W2b F6a B2a W2a F6b B3b W3b F7a B3a W3a F7b B4b W4b ' +
      'B4a B5b B5a B6b B6a B7b B7a W4a W5b W6b W7b W5a W6a W7a',
  );
});

test('the stages of DualPipe take the passes in the order of its authors, joined where theirs overlap', () => {
  const drawn = (s: number): string =>
    scheduleNamed('dualpipe')
      .slots({ stage: stage(s), stages: 4, microbatches: 8, chunks: 2 })
      .map((entry) => {
        const name = `${'FBW'[PASSES.indexOf(passOf(entry))]}${microbatchOf(entry) + 1}${'ab'[chunkOf(entry)]}`;
        return `${name}${isJoined(entry) ? '+' : ' '}`;
      })
      .join('')
      .trim();
  expect(drawn(0)).toBe(
    'F1a F2a F3a F5b B5b W5b F6b F4a+B6b+W6b F7b+B1a+W1a B7b+W7b F8b+B2a+W2a B8b+W8b B3a W3a B4a W4a',
  );
  expect(drawn(1)).toBe(
    'F1a F5b F2a F6b F3a B5b+W5b F7b+B1a+W1a F4a+B6b+W6b F8b+B2a+W2a B7b+W7b B3a+W3a B8b B4a W8b W4a',
  );
  expect(drawn(3)).toBe(
    'F5b F6b F7b F1a B1a W1a F2a F8b+B2a+W2a F3a+B5b+W5b B3a+W3a F4a+B6b+W6b B4a+W4a B7b W7b B8b W8b',
  );
});

test('a schedule refuses a pipeline that it cannot run, and says what it got', () => {
  const pipeline = { stages: 4, microbatches: 8, chunks: 2 };
  expect(scheduleRule('interleaved', pipeline)).toBeNull();
  expect(scheduleRule('interleaved', { ...pipeline, stages: 1 })).toMatch(/^schedule interleaved .* stages, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: 1 })).toMatch(/model chunks a stage, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: chunksMax + 1 })).toMatch(/got 257$/);
  expect(scheduleRule('interleaved', { ...pipeline, microbatches: 6 })).toMatch(/4 stages divide, got 6$/);
  for (const name of ['gpipe', '1f1b', 'zb-h1'] as const)
    expect(scheduleRule(name, pipeline)).toMatch(/1 model chunk a stage, got 2$/);
  for (const name of ['gpipe', '1f1b'] as const) {
    expect(scheduleRule(name, { stages: 1, microbatches: 1, chunks: 1 })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax + 1 })).toMatch(/got 1048577$/);
  }
  for (const name of ['zb-v', 'dualpipe'] as const) {
    expect(scheduleRule(name, pipeline)).toBeNull();
    for (const chunks of [1, 3]) expect(scheduleRule(name, { ...pipeline, chunks })).toMatch(/2 model chunks/);
  }
  for (const [name, chunks] of [
    ['zb-h1', 1],
    ['zb-v', 2],
    ['dualpipe', 2],
  ] as const)
    expect(scheduleRule(name, { stages: 1, microbatches: 8, chunks })).toMatch(/2 or more stages, got 1$/);
  expect(scheduleRule('dualpipe', { ...pipeline, stages: 3 })).toMatch(/even number of stages, got 3$/);
  expect(scheduleRule('dualpipe', { ...pipeline, microbatches: 9 })).toMatch(/even number of microbatches, got 9$/);
  expect(scheduleRule('dualpipe', { ...pipeline, microbatches: 6 })).toMatch(/its 4 stages, got 6$/);
  expect(scheduleRule('zb-v', { ...pipeline, microbatches: 1 })).toBeNull();
});

test('a slot keeps its pass, its microbatch and its model chunk, joined or not', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PASSES),
      fc.oneof(fc.nat(microbatchesMax - 1), fc.constant(microbatchesMax - 1)),
      fc.oneof(fc.nat(chunksMax - 1), fc.constant(chunksMax - 1)),
      (pass, m, v) => {
        const packed = slot(pass, microbatch(m), modelChunk(v));
        expect([isJoined(packed), isJoined(joined(packed))]).toEqual([false, true]);
        for (const one of [packed, joined(packed)])
          expect([passOf(one), microbatchOf(one), chunkOf(one)]).toEqual([pass, m, v]);
      },
    ),
  );
});
