/** The published classes that a model of ours can be. */
import { isDeepStrictEqual } from 'node:util';
import type { Model } from '../../scenario/model.ts';
import { CheckpointFault } from '../checkpoint/fault.ts';
import type { Family } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama, mistral, mixtral } from './llama.ts';

export const FAMILIES: readonly Family[] = [gpt2, llama, mistral, mixtral];

/** The class that has this model; a fault says what keeps the most alike from it. */
export const familyOf = (model: Model): Family => {
  const tried = FAMILIES.map((family) => ({ family, differences: differencesFrom(model, family) })).toSorted(
    (a, b) => a.differences.length - b.differences.length,
  );
  const [nearest] = tried;
  if (nearest === undefined) throw new RangeError('there are no families');
  if (nearest.differences.length === 0) return nearest.family;
  const why = nearest.differences.join('; ');
  throw new CheckpointFault(`${model.name} is no ${FAMILIES.map(({ name }) => name).join(', ')}: ${why}`);
};

const differencesFrom = (model: Model, { name, wants }: Family): readonly string[] => {
  const has = new Map<string, unknown>(Object.entries(model));
  return Object.entries(wants(model)).flatMap(([key, wanted]) => {
    const given = has.get(key);
    if (isDeepStrictEqual(given, wanted)) return [];
    return [`${key} is ${JSON.stringify(given)}, and ${JSON.stringify(wanted)} in ${name}`];
  });
};
