/** Laws of the shipped rows: every one is covered, and what their sources print agrees with itself. */
import { describe, expect, it } from 'vitest';
import { validate } from '../../src/validate/validate.ts';
import { shippedCluster, shippedRows, shippedText } from './validate-fixtures.ts';

describe('the shipped rows on the shipped clusters', () => {
  const answer = validate(shippedText, 'rows.jsonl', shippedCluster);
  if (answer.kind === 'complaints') throw new Error(JSON.stringify(answer.complaints));

  it('every row has a prediction for every metric that it measured', () => {
    expect(new Set(answer.rows.map(({ id }) => id)).size).toBe(shippedRows().length);
    expect(answer.rows.filter(({ covered, error }) => !covered || !Number.isFinite(error))).toEqual([]);
  });

  it('in the median a step is predicted within 30 % and memory within 20 %', () => {
    const medianOf = (metric: string): number =>
      answer.summary.find((summary) => summary.by === 'all' && summary.metric === metric)?.median ?? Infinity;
    expect(medianOf('step_s')).toBeLessThan(0.3);
    expect(medianOf('memory_bytes')).toBeLessThan(0.2);
  });

  it('every class is summarised, and none twice', () => {
    for (const by of ['card', 'tier', 'suite', 'precision'] as const) {
      const names = answer.summary.filter((summary) => summary.by === by && summary.metric === 'step_s');
      expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
      const steps = answer.rows.filter(({ metric }) => metric === 'step_s');
      expect(new Set(names.map(({ name }) => name))).toEqual(new Set(steps.map((row) => row[by])));
    }
  });
});
