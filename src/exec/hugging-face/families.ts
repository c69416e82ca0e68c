/** The published classes that a model of ours can be. */
import { isDeepStrictEqual } from 'node:util';
import { show } from '../../scenario/issues.ts';
import type { Model } from '../../scenario/model.ts';
import { CheckpointFault } from '../checkpoint/fault.ts';
import type { Family } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama, mistral, mixtral } from './llama.ts';

export const FAMILIES: readonly Family[] = [gpt2, llama, mistral, mixtral];

/** The class that has this model; a fault says what keeps the most alike from it. */
export const familyOf = (model: Model): Family => {
  const tried = FAMILIES.map((family) => ({ family, differences: differencesFrom(model, family) })).toSorted(
    (a, b) => weightOf(a.differences) - weightOf(b.differences),
  );
  const [nearest] = tried;
  if (nearest === undefined) throw new RangeError('there are no families');
  const { family, differences } = nearest;
  if (differences.length === 0) return family;
  const names = FAMILIES.map(({ name }) => name).join(', ');
  throw new CheckpointFault(
    `${model.name} is none of ${names}: nearest is ${family.name}, which has ${differences.map(inWords).join('; ')}`,
  );
};

/** A key of the model, or one of a part of it, `experts.sharedFfn`. */
interface Difference {
  readonly path: string;
  readonly given: unknown;
  readonly wanted: unknown;
}

const differencesFrom = (model: Model, { wants }: Family): readonly Difference[] => {
  const has = new Map<string, unknown>(Object.entries(model));
  return Object.entries(wants(model)).flatMap(([key, wanted]) => between(has.get(key), wanted, key));
};

const between = (given: unknown, wanted: unknown, path: string): readonly Difference[] => {
  if (isDeepStrictEqual(given, wanted)) return [];
  if (!isPart(given) || !isPart(wanted)) return [{ path, given, wanted }];
  const has = new Map<string, unknown>(Object.entries(given));
  return Object.entries(wanted).flatMap(([key, value]) => between(has.get(key), value, `${path}.${key}`));
};
const isPart = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A whole part that one has and the other has not counts by all that is in it. */
const weightOf = (differences: readonly Difference[]): number =>
  differences.reduce((sum, { given, wanted }) => sum + Math.max(sizeOf(given), sizeOf(wanted)), 0);
const sizeOf = (value: unknown): number => (isPart(value) ? Object.keys(value).length : 1);

/** What the class has there. */
const inWords = ({ path, given, wanted }: Difference): string =>
  (wanted === null ? LACKING[path] : WORDS[path]) ?? `${path} ${show(wanted)}, not ${show(given)}`;

const LACKING: Readonly<Record<string, string>> = {
  experts: 'no experts',
  latent: 'no latent attention',
  window: 'no window',
};
const WORDS: Readonly<Record<string, string>> = {
  'experts.sharedFfn': 'no shared expert',
  'experts.sharedGate': 'no gate of a shared expert',
  'experts.routerBias': 'no bias of its router',
  'experts.bias': 'no biases in its experts',
  'experts.layers': 'experts in every layer, and no dense one',
  'window.layers': 'its window in every layer',
  predictors: 'nothing that predicts further tokens',
  sinks: 'no sinks in its attention',
};
