/** Laws of where a model lies: which stage has which chunk, in which order the data visits them, and how layers are split. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deviceContext } from '../../src/actors/device-context.ts';
import {
  microbatchesThrough,
  neighbourOf,
  placeAt,
  placementOf,
  positionAt,
} from '../../src/actors/schedules/placement.ts';
import { splitLayers, unitsOf } from '../../src/model/stages.ts';
import type { Job } from '../../src/scenario/job.ts';
import { microbatchesOf, SCHEDULES } from '../../src/scenario/job.ts';
import type { Ends } from '../../src/scenario/layer-split.ts';
import { isRegularSplit, PLAIN_ENDS, positionCount } from '../../src/scenario/layer-split.ts';
import { rank } from '../../src/units/identity.ts';
import { chunksFor, pipelineJob } from '../worlds/pipelines.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);

const LAYOUTS = SCHEDULES.flatMap((schedule) =>
  [2, 3, 4, 6, 8].flatMap((pp) => chunksFor(schedule).map((vp) => ({ schedule, pp, vp }))),
);
const everyPlace = ({ pp, vp }: { pp: number; vp: number }) =>
  upTo(pp).flatMap((stage) => upTo(vp).map((chunk) => ({ stage, chunk })));

describe('placement', () => {
  test('every position of the model is on one stage, and on two where the pipeline is mirrored', () => {
    for (const layout of LAYOUTS) {
      const copies = layout.schedule === 'dualpipe' ? 2 : 1;
      const found = everyPlace(layout).map((place) => positionAt(layout, place));
      const wanted = upTo(positionCount(layout)).flatMap((position) => new Array<number>(copies).fill(position));
      expect(found.toSorted((a, b) => a - b)).toEqual(wanted);
    }
  });

  test('the place of a position is the one that has it', () => {
    for (const layout of LAYOUTS)
      for (const place of everyPlace(layout))
        expect(placeAt(layout, positionAt(layout, place), place.chunk)).toEqual(place);
  });

  test('from neighbour to neighbour the data passes every position in order, and its gradients come back the same way', () => {
    for (const layout of LAYOUTS)
      for (const place of everyPlace(layout).filter((one) => positionAt(layout, one) === 0)) {
        let last = place;
        const seen = [0];
        for (let next = neighbourOf(layout, place, 1); next !== null; next = neighbourOf(layout, next, 1)) {
          expect(neighbourOf(layout, next, -1)).toEqual(last);
          seen.push(positionAt(layout, next));
          last = next;
        }
        expect(seen).toEqual(upTo(positionCount(layout)));
        expect(neighbourOf(layout, place, -1)).toBeNull();
      }
  });

  test('neighbours are on neighbouring stages: the same at the turn of the V, the first after the last in a round', () => {
    for (const layout of LAYOUTS)
      for (const place of everyPlace(layout)) {
        const next = neighbourOf(layout, place, 1);
        if (next === null) continue;
        const step = next.stage - place.stage;
        const isTurn = layout.schedule === 'zb-v' && place.stage === layout.pp - 1 && place.chunk === 0;
        if (isTurn) expect(step).toBe(0);
        else if (step !== 1 - layout.pp) expect(Math.abs(step)).toBe(1);
        else expect(placementOf(layout.schedule)).toMatch(layout.pp === 2 ? /./ : /round/);
      }
  });

  test('every microbatch goes through every position once', () => {
    for (const layout of LAYOUTS)
      for (const microbatch of upTo(12)) {
        const visited = everyPlace(layout).filter(({ chunk }) => {
          const { start, end } = microbatchesThrough(placementOf(layout.schedule), chunk, 12);
          return start <= microbatch && microbatch < end;
        });
        const positions = visited.map((place) => positionAt(layout, place)).toSorted((a, b) => a - b);
        expect(positions).toEqual(upTo(positionCount(layout)));
      }
  });
});

describe('the split of the layers', () => {
  const anyEnds: fc.Arbitrary<Ends> = fc.record({
    firstLayers: fc.option(fc.integer({ min: 0, max: 12 })),
    lastLayers: fc.option(fc.integer({ min: 0, max: 12 })),
    predictors: fc.nat(2),
  });

  test('has every layer once, and none below zero when an engine would take it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 1, max: 32 }), anyEnds, (layers, count, ends) => {
        const split = splitLayers(layers, count, ends);
        if (!isRegularSplit(layers, count, ends)) return;
        expect(split).toHaveLength(count);
        expect(add(split)).toBe(layers);
        expect(Math.min(...split)).toBeGreaterThanOrEqual(0);
        if (count > 1 && ends.firstLayers !== null) expect(split[0]).toBe(ends.firstLayers);
        if (count > 1 && ends.lastLayers !== null) expect(split.at(-1)).toBe(ends.lastLayers);
        expect(new Set(split.slice(1, -1)).size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });

  test('is regular when the chunks are even once some of the ends are counted as layers', () => {
    for (let layers = 1; layers <= 70; layers++)
      for (let count = 1; count <= 20; count++) {
        const isEven = (counted: number): boolean => layers + counted >= count && (layers + counted) % count === 0;
        expect(isRegularSplit(layers, count)).toBe([0, 1, 2].some(isEven));
        const split = splitLayers(layers, count);
        expect(add(split)).toBe(layers);
        expect(Math.max(...split) - Math.min(...split)).toBeLessThanOrEqual(1);
      }
  });

  test('takes the predictors for layers as DeepSeek-V3 does, on 16 stages', () => {
    expect(isRegularSplit(61, 16)).toBe(false);
    expect(splitLayers(61, 16, { ...PLAIN_ENDS, predictors: 1 })).toEqual([3, ...new Array<number>(14).fill(4), 2]);
    expect(splitLayers(60, 4, { ...PLAIN_ENDS, predictors: 1 })).toEqual([15, 15, 15, 15]);
  });

  test('gives the first and the last chunk what they are asked to have, and the others the same', () => {
    const ends = (firstLayers: number | null, lastLayers: number | null): Ends => ({
      ...PLAIN_ENDS,
      firstLayers,
      lastLayers,
    });
    expect(splitLayers(30, 4, ends(6, null))).toEqual([6, 8, 8, 8]);
    expect(splitLayers(30, 4, ends(null, 9))).toEqual([7, 7, 7, 9]);
    expect(splitLayers(61, 8, ends(7, 6))).toEqual([7, 8, 8, 8, 8, 8, 8, 6]);
    expect(isRegularSplit(61, 8, ends(7, 7))).toBe(false);
    expect(isRegularSplit(12, 2, ends(5, 7))).toBe(true);
    expect(isRegularSplit(12, 2, ends(5, 6))).toBe(false);
    expect(isRegularSplit(12, 3, ends(8, 6))).toBe(false);
    expect(isRegularSplit(12, 1, ends(6, 6))).toBe(false);
    expect(splitLayers(30, 4, ends(5, null))).toEqual([5, 8, 9, 8]);
  });

  test.each(SCHEDULES)(
    '%s: the stages hold every layer of the model once for each microbatch that visits them',
    (schedule) => {
      for (const vp of chunksFor(schedule))
        for (const ends of [{}, { firstLayers: 1, lastLayers: 3 }]) {
          const plain = pipelineJob({ schedule, pp: 4, vp, ...ends }, { layers: 2 });
          const job: Job = { ...plain, model: { ...plain.model, predictors: 1 } };
          const m = microbatchesOf(job);
          const visits = new Map<string, number>();
          for (const stage of upTo(4)) {
            const { chunks, ranges } = deviceContext(job, rank(stage));
            for (const [index, chunk] of chunks.entries())
              for (const { kind } of unitsOf(chunk)) {
                const { start, end } = ranges[index]!;
                visits.set(kind, (visits.get(kind) ?? 0) + end - start);
              }
          }
          const { layers } = job.model;
          expect(Object.fromEntries(visits)).toEqual({ embedding: m, layer: m * layers, predictor: m, head: m });
        }
    },
  );
});
