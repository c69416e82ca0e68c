/** How training engines let a model's layers be cut into the chunks of a pipeline. */
import type { Layout } from './job.ts';
import type { Model } from './model.ts';

/** Different chunks that the model is cut into: of DualPipe's two a stage, each is a copy of one on another stage. */
export const positionCount = ({ pp, vp, schedule }: Pick<Layout, 'pp' | 'vp' | 'schedule'>): number =>
  schedule === 'dualpipe' ? pp : pp * vp;

/** What is known of the first and the last chunk beside the number of layers. */
export interface Ends {
  /** Layers of the first and of the last chunk; null leaves them to the even split. */
  readonly firstLayers: number | null;
  readonly lastLayers: number | null;
  /** Modules of multi-token prediction on the last chunk. */
  readonly predictors: number;
}

export const PLAIN_ENDS: Ends = { firstLayers: null, lastLayers: null, predictors: 0 };

export const endsOf = (
  { predictors }: Pick<Model, 'predictors'>,
  { firstLayers, lastLayers }: Pick<Layout, 'firstLayers' | 'lastLayers'>,
): Ends => ({ firstLayers, lastLayers, predictors });

/** Layers of the first chunk, of the last, and of each between them. */
export interface RegularSplit {
  readonly first: number;
  readonly middle: number;
  readonly last: number;
}

/**
 * The cut that an engine makes of `layers` into `count` chunks, or null if it refuses. With the ends' layers given
 * (Megatron-LM's decoder-first-pipeline-num-layers and decoder-last-pipeline-num-layers) the others share the rest evenly.
 * Otherwise it is even, or even with the head or both ends of the model counted as a layer each (account-for-embedding
 * and account-for-loss): an end may then be a chunk of its own without any layer, as in Llama 3. Predictors may count as
 * layers too: DeepSeek-V3's 61 layers with its embedding, its predictor and its head make 16 times 4.
 */
export const regularSplit = (layers: number, count: number, ends: Ends = PLAIN_ENDS): RegularSplit | null =>
  ends.firstLayers === null && ends.lastLayers === null
    ? countedSplit(layers, count, ends.predictors)
    : givenSplit(layers, count, ends);

export const isRegularSplit = (layers: number, count: number, ends: Ends = PLAIN_ENDS): boolean =>
  regularSplit(layers, count, ends) !== null;

const givenSplit = (layers: number, count: number, { firstLayers, lastLayers }: Ends): RegularSplit | null => {
  const given = [firstLayers, lastLayers].filter((one) => one !== null);
  const others = count - given.length;
  const rest = given.reduce((left, one) => left - one, layers);
  if (!sharesEvenly(rest, others)) return null;
  const middle = others === 0 ? 0 : rest / others;
  return { first: firstLayers ?? middle, middle, last: lastLayers ?? middle };
};

/** Each of the others has a layer at least; where there are no others, no layer is left. */
const sharesEvenly = (rest: number, others: number): boolean =>
  others <= 0 ? others === 0 && rest === 0 : rest >= others && rest % others === 0;

const countedSplit = (layers: number, count: number, predictors: number): RegularSplit | null => {
  for (const [atFirst, atLast] of countings(predictors)) {
    const middle = (layers + atFirst + atLast) / count;
    if (Number.isInteger(middle) && middle >= Math.max(1, atFirst, atLast))
      return { first: middle - atFirst, middle, last: middle - atLast };
  }
  return null;
};

/** What counts as layers at the first and the last chunk, in the order of preference. */
const countings = (predictors: number): readonly (readonly [number, number])[] =>
  predictors === 0
    ? PLAIN_COUNTINGS
    : [
        [0, 0],
        [1, 1 + predictors],
        [0, 1 + predictors],
        [0, predictors],
        [1, 1],
        [0, 1],
      ];
const PLAIN_COUNTINGS = [
  [0, 0],
  [1, 1],
  [0, 1],
] as const;
