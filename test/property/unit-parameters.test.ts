/** Laws of what ranks hold: the parts of every family's weights, however they are split, are the whole model's. */
import { describe, expect, test } from 'vitest';
import { chunksOf, splitLayers, unitsOf } from '../../src/model/stages.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import { parametersOf } from '../../src/model/unit.ts';
import { parameterCount, predictorParameterCount } from '../../src/scenario/parameters.ts';
import { FAMILIES } from '../worlds/families.ts';
import { tinyModel } from '../worlds/jobs.ts';

const wholeOf = (parameters: readonly Parameter[], ranks: number): number =>
  parameters
    .filter(({ isCopy }) => !isCopy)
    .reduce((total, { elements, padding, isSharded }) => total + (isSharded ? ranks : 1) * (elements - padding), 0);

describe('the parts of all ranks are the parameters of the model and its predictors', () => {
  test.each(Object.entries(FAMILIES))('%s', (_, family) => {
    for (const predictors of [0, 1, 2])
      for (const tied of [false, true])
        for (const tp of [1, 2, 4])
          for (const [ep, etp] of [
            [1, 1],
            [2, 2],
            [8, 1],
          ] as const)
            for (const pp of [1, 2]) {
              const model = { ...tinyModel, ...family, predictors, tied, vocabulary: 1000 };
              const units = chunksOf(model, splitLayers(model.layers, pp)).flatMap(unitsOf);
              const held = units.map((unit) => parametersOf(unit, model, { tp, ep, etp, isSplit: pp > 1 }));
              const total = held.reduce(
                (sum, { shared, table, experts }) =>
                  sum + wholeOf([...shared, ...table], tp) + ep * wholeOf(experts, etp),
                0,
              );
              expect(total).toBe(parameterCount(model) + predictorParameterCount(model));
            }
  });
});

test('names are unique within a unit, so that a weight is found by its name', () => {
  for (const family of Object.values(FAMILIES)) {
    const model = { ...tinyModel, ...family, predictors: 1 };
    for (const unit of chunksOf(model, [model.layers]).flatMap(unitsOf))
      for (const part of Object.values(parametersOf(unit, model, { tp: 2, ep: 2, etp: 1, isSplit: true })))
        expect(new Set(part.map(({ name }) => name)).size).toBe(part.length);
  }
});
