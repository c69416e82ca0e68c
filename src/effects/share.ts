/** Which elements of a tensor of the whole model a rank holds: what initial values and checkpoints go by. */

/** How a tensor begins: drawn from a normal distribution around 0, or the same value everywhere. */
export type Initial =
  { readonly kind: 'normal'; readonly deviation: number } | { readonly kind: 'constant'; readonly value: number };

/**
 * A rank's part of one tensor of the model. The whole is [outer, middle, inner], the middle made of `groups` that follow
 * one another; each group is cut evenly into `ranks` parts, and the rank has the part of `index` of each: a column
 * projection [h, n] is {outer: h, groups: [n], inner: 1}, a row projection {outer: 1, groups: [n], inner: h}.
 */
export interface Share {
  /** Unique in the model: `layers.3.mlp up`. */
  readonly name: string;
  /** Dimensions of the whole without padding, outermost first. */
  readonly shape: readonly number[];
  readonly outer: number;
  readonly groups: readonly number[];
  readonly inner: number;
  readonly ranks: number;
  readonly index: number;
  /** Rows of the middle that the model has; those behind them are padding: zero, and never saved. */
  readonly present: number;
  readonly initial: Initial;
  /** True of matrices: weight decay leaves norms and biases alone. */
  readonly decays: boolean;
}

/** Elements `start` to `start + length` of the rank's part of a tensor. */
export interface ShareRun {
  readonly share: Share;
  readonly start: number;
  readonly length: number;
}

/** What is kept of each parameter. */
export const STATES = ['weight', 'master', 'first moment', 'second moment'] as const;
export type State = (typeof STATES)[number];

/** Elements of a whole tensor without padding. */
export const elementsOfShape = (shape: readonly number[]): number =>
  shape.reduce((product, length) => product * length, 1);

/** Where element `local` of the rank's part stands in the whole, counted from its first element; null in the padding. */
export const placeInWhole = ({ outer, groups, inner, ranks, index, present }: Share, local: number): number | null => {
  const width = groups.reduce((sum, group) => sum + group / ranks, 0);
  const within = local % inner;
  let middle = Math.floor(local / inner) % width;
  const row = Math.floor(local / (inner * width));
  if (row >= outer) throw new RangeError(`element ${local} is beyond the ${outer * width * inner} of the part`);
  let start = 0;
  for (const group of groups) {
    const own = group / ranks;
    if (middle < own) {
      const at = start + index * own + middle;
      return at < present ? (row * present + at) * inner + within : null;
    }
    middle -= own;
    start += group;
  }
  throw new RangeError(`groups ${groups.join(', ')} hold no element ${local}`);
};
