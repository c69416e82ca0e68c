/** Laws of the key `reliability`: what it reads, what it refuses, and what it takes for granted, with a source for each. */
import { describe, expect, test } from 'vitest';
import { COMPONENTS } from '../../src/scenario/reliability.ts';
import { LLAMA_3 } from '../../src/scenario/published-failures.ts';
import type { Reliability } from '../../src/scenario/reliability.ts';
import { crossPredictions } from '../../src/validate/cross-prediction.ts';
import { printed, RIGHT, scenarioOf } from './scenario-fixtures.ts';

const reliabilityOf = (text: string, base = RIGHT): Reliability => {
  const { reliability } = scenarioOf(`${base}reliability: ${text}\n`);
  if (reliability === null) throw new Error('nothing was read');
  return reliability;
};
const on = (cluster: string): Reliability => reliabilityOf('{}', RIGHT.replace('dgx-a100-80g', cluster));

describe('reliability', () => {
  test('is null where a scenario does not mention it, and whole with a source for each figure where it is empty', () => {
    expect(scenarioOf(RIGHT).reliability).toBeNull();
    const { failures, shape, detection, restart, swap, repair, checkpoint, ...rest } = reliabilityOf('{}');
    const figures = [...Object.values(failures), shape, detection, restart, swap, repair, checkpoint.size];
    for (const { value, from, source } of [...figures, checkpoint.storage]) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(['calibrated', 'assumed']).toContain(from);
      expect(source.length).toBeGreaterThan(10);
    }
    expect(rest).toEqual({ spares: null, withoutSpare: 'wait', seeds: 100 });
    expect(checkpoint).toMatchObject({ way: { kind: 'async' }, every: null });
  });

  test('reads times, rates, sizes and figures with their source', () => {
    const read = reliabilityOf(
      '{failures: {card: 0.5, software: {value: 90, from: measured, source: our log}}, detection: 45s, restart: 1h, ' +
        'repair: 2days, spares: 4, withoutSpare: shrink, shape: 0.8, seeds: 7, ' +
        'checkpoint: {kind: two-stage, every: 30min, size: 2TB, storage: 4GB/s, storageEvery: 3, copies: own}}',
    );
    expect(read).toMatchObject({
      failures: { card: { value: 0.5, from: 'assumed' }, software: { value: 90, from: 'measured', source: 'our log' } },
      detection: { value: 45 },
      restart: { value: 3600 },
      repair: { value: 172_800 },
      swap: { value: 120 },
      shape: { value: 0.8 },
      spares: 4,
      withoutSpare: 'shrink',
      seeds: 7,
      checkpoint: {
        way: { kind: 'two-stage', storageEvery: 3, copies: 'own' },
        every: 1800,
        size: { value: 2e12 },
        storage: { value: 4e9 },
      },
    });
    expect(read.failures.node).toEqual(reliabilityOf('{}').failures.node);
  });

  test.each([
    ['{detection: 5}', 'reliability.detection: 5 is not a time such as 10min or 1h (did you mean 5min?)'],
    ['{restart: 5 minutes}', 'reliability.restart: 5 minutes is not a time such as 10min or 1h (did you mean 5min?)'],
    ['{failures: {cards: 1}}', 'reliability.failures.cards: is not a key here'],
    ['{failures: {card: -1}}', 'reliability.failures.card: -1 is not failures of 1,000 days, a number such as 0.3'],
    ['{checkpoint: {every: sometimes}}', 'reliability.checkpoint.every: sometimes is not'],
    [
      '{checkpoint: {every: 0s}}',
      'reliability.checkpoint.every: leaves no step between two; wanted best, or a time such as 30min',
    ],
    [
      '{checkpoint: {kind: async, storageEvery: 3}}',
      'reliability.checkpoint.storageEvery: is of kind: two-stage alone',
    ],
    [
      '{checkpoint: {storage: 0GB/s}}',
      'reliability.checkpoint.storage: writes nothing; wanted a bandwidth such as 1GB/s',
    ],
    ['{spares: some}', 'reliability.spares: some is not a whole number of at least 0'],
    ['{withoutSpare: pray}', 'reliability.withoutSpare: pray is not one of wait, shrink'],
    ['{shape: 0}', 'reliability.shape: 0 is not a number from 0.2 to 10, such as 0.8'],
    ['often', 'reliability: often is not a mapping of failures'],
  ])('refuses %s at its place', (text, complaint) => {
    const [first = ''] = printed(`${RIGHT}reliability: ${text}\n`);
    expect(first).toMatch(/^run\.yaml:\d+:\d+ /u);
    expect(first).toContain(complaint);
  });

  test('takes the rates of the kind of card: counted ones for H100s and A100s, assumed ones for others', () => {
    const origins = (cluster: string): readonly string[] => COMPONENTS.map((name) => on(cluster).failures[name].from);
    expect(origins('dgx-h100')).toEqual(['calibrated', 'calibrated', 'calibrated', 'calibrated']);
    expect(origins('dgx-a100-80g')).toEqual(['calibrated', 'calibrated', 'calibrated', 'assumed']);
    for (const cluster of ['mi300x', 'tpu-v4', 'dgx-b200', 'ascend-910b'])
      expect(origins(cluster)).toEqual(['assumed', 'assumed', 'assumed', 'assumed']);
    expect(on('dgx-a100-80g').failures.node.value).toBe(6.5);
    expect(on('h20').failures).toEqual(on('dgx-h100').failures);
  });

  test("with Llama 3's rates expects its 419 interruptions in its 54 days", () => {
    const { failures } = on('dgx-h100');
    const { card, node, fabric, software } = failures;
    const daily = card.value * 16_384 + (node.value + fabric.value) * 2048 + software.value;
    expect((daily * 54) / 1000).toBeCloseTo(419, 9);
    expect(Object.values(LLAMA_3.interruptions).reduce((sum, count) => sum + count, 0)).toBe(419);
  });
});

describe('rates of one source', () => {
  const { rows, medianFactor, worstFactor } = crossPredictions();
  const found = (from: string, of: string, what: string): (typeof rows)[number] => {
    const row = rows.find((each) => each.from === from && each.of === of && each.what.includes(what));
    if (row === undefined) throw new Error(`no row from ${from} of ${of}: ${what}`);
    return row;
  };

  test('predict the others as arithmetic has it', () => {
    expect(found('Llama 3', 'RSC-1', '1,024 cards').predicted).toBeCloseTo((24 * 54 * 16_384) / (356 * 1024), 6);
    expect(found('RSC-1', 'Llama 3', 'hardware').predicted).toBeCloseTo(6.5e-3 * 2048 * 54, 6);
    expect(found('Llama 3', 'BLOOM', 'card').predicted).toBeCloseTo((268 * 384 * 7) / (16_384 * 54), 9);
    expect(found('OPT-175B', 'RSC-1', '1,000 node-days').predicted).toBeCloseTo(1e5 / (124 * 60), 9);
    expect(found('RSC-1', 'RSC-1', '16,384 cards').error).toBeCloseTo(0, 1);
  });

  test('are off by what is printed, and by no more than a factor of eight', () => {
    for (const { predicted, published, error } of rows)
      if (error !== null) expect(error).toBeCloseTo(predicted / published - 1, 12);
    expect(worstFactor).toBeLessThan(8);
    expect(medianFactor).toBeLessThan(2.5);
  });

  test('and the assumed recoveries give Llama 3 the effective training time that it reports', () => {
    const { predicted, error } = found('Llama 3', 'Llama 3', 'effective');
    expect(error).toBeNull();
    expect(predicted).toBeLessThan(0.95);
  });
});
