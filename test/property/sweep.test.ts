/** Laws of `plan --sweep`: every value gets the answer of its own search, and a row when it has none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sweepOf } from '../../src/cli/sweep.ts';
import { searchSweep } from '../../src/plan/sweep.ts';
import type { Swept } from '../../src/plan/sweep.ts';
import { bestOf, tryOut } from '../../src/plan/trial.ts';
import { sweepJson, sweepSchema, sweepText } from '../../src/report/sweep.ts';
import { jsonText } from '../../src/report/json.ts';
import { unpainted } from '../../src/report/paint.ts';
import { FREE, memoryOf, tinyScenario } from '../worlds/questions.ts';
import { alone, interruptedAfter } from '../worlds/search-options.ts';

const scenario = tinyScenario({
  layout: { ...FREE, vp: [1], schedule: ['1f1b'], zero: [0], microbatch: [1], sequenceParallel: [false] },
  recompute: [{ kind: 'none' }],
});
const onDevices = (devices: number): Swept => ({
  value: String(devices),
  scenario: { ...scenario, devices: [devices] },
});
const values: readonly Swept[] = [
  { value: '3', scenario: { refusal: 'layout.tp: 3 does not divide 8 heads' } },
  { value: 'tiny', scenario: memoryOf(scenario, 1e6) },
  ...[1, 2, 8].map(onDevices),
];

describe('a sweep', () => {
  it('answers each value with what a search of its own finds', async () => {
    const { rows, complete } = await searchSweep('devices', { values, options: alone });
    expect(complete).toBe(true);
    expect(rows.map(({ value }) => value)).toEqual(values.map(({ value }) => value));
    for (const [index, { trial }] of rows.entries()) {
      const swept = values[index]!.scenario;
      if ('refusal' in swept) expect(trial).toEqual(swept);
      else expect(trial).toEqual(await tryOut(swept, alone, 'all'));
    }
  });
  it('gives a reason where there is no plan, and the first that has one is the measure of the others', async () => {
    const { rows } = await searchSweep('devices', { values, options: alone });
    expect(rows.map(({ efficiency }) => efficiency === null)).toEqual([true, true, false, false, false]);
    expect(rows[2]!.efficiency).toBe(1);
    const rate = (index: number): number => {
      const { trial } = rows[index]!;
      return 'refusal' in trial ? 0 : bestOf(trial)!.outlook.tokensPerSecondPerDevice;
    };
    for (const index of [3, 4]) expect(rows[index]!.efficiency).toBe(rate(index) / rate(2));
    const text = sweepText({ key: 'devices', rows, complete: true }, 'A sweep', unpainted);
    expect(text).toContain('3 does not divide 8 heads');
    expect(text).toContain('memory: even the leanest layout');
  });
  it('obeys its schema, finished or not', async () => {
    for (const looks of [0, 1, 3, 7, 1e9]) {
      const sweep = await searchSweep('devices', { values, options: interruptedAfter(looks) });
      sweepSchema.parse(JSON.parse(jsonText(sweepJson(sweep, 'A sweep'))));
      expect(sweep.complete).toBe(looks === 1e9);
    }
  });
});

describe('--sweep', () => {
  const whole = fc.integer({ min: 1, max: 1_000 });
  it('of a range ends at or below its end, and no further step would', () => {
    fc.assert(
      fc.property(
        whole,
        fc.nat(5_000),
        fc.integer({ min: 2, max: 9 }),
        fc.boolean(),
        (first, more, step, isProduct) => {
          const last = first + (isProduct ? more : Math.min(more, 200 * step));
          const next = (value: number): number => (isProduct ? value * step : value + step);
          const { key, values: read } = sweepOf(`devices=${first}..${last}:${isProduct ? 'x' : '+'}${step}`);
          const numbers = read.map(Number);
          expect(key).toBe('devices');
          expect(numbers[0]).toBe(first);
          for (const [index, value] of numbers.slice(1).entries()) expect(value).toBe(next(numbers[index]!));
          expect(numbers.at(-1)).toBeLessThanOrEqual(last);
          expect(next(numbers.at(-1)!)).toBeGreaterThan(last);
        },
      ),
    );
  });
  it.each([
    ['gpus=1,2,4', { key: 'devices', values: ['1', '2', '4'] }],
    ['cluster.nic=200Gbps,400Gbps', { key: 'cluster.nic', values: ['200Gbps', '400Gbps'] }],
    [
      'offload=none,{optimizer: dram, activations: 0.5}',
      { key: 'memory.offload', values: ['none', '{optimizer: dram, activations: 0.5}'] },
    ],
    ['seq=4096..5000:+512', { key: 'workload.sequence', values: ['4096', '4608'] }],
  ])('%s is read', (text, asked) => expect(sweepOf(text)).toEqual(asked));
  it.each([
    'devices',
    'devices=',
    'devices=8..4:x2',
    'devices=1..8:x1',
    'devices=1..8',
    'devices=0..8:x2',
    'devices=1..8:+0',
    'tp=1,1',
    'devices=1..100000:+1',
  ])('%s is refused', (text) => expect(() => sweepOf(text)).toThrow(/--sweep/u));
});
