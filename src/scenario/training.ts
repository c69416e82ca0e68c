/** How a real run learns: how many steps of which optimizer, how far each goes, and how often it is tested. */

export const DECAYS = ['constant', 'linear', 'cosine'] as const;
export type Decay = (typeof DECAYS)[number];

export const OPTIMIZERS = ['adamw', 'sgd'] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export interface Training {
  readonly steps: number;
  /** At the end of the warm-up, where it is highest. */
  readonly learningRate: number;
  /** Where the decay ends, at the last step; with a constant rate it is never reached. */
  readonly minimumLearningRate: number;
  /** Steps over which the rate rises from nothing, in a straight line. */
  readonly warmup: number;
  readonly decay: Decay;
  /** Largest norm of all gradients together: longer ones are scaled down to it. Null: none are. */
  readonly clip: number | null;
  readonly optimizer: OptimizerName;
  /** AdamW's constants (Loshchilov and Hutter 2019, arXiv 1711.05101); plain descent reads none of the four. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Weight of the loss that balances a layer's experts; a model without any has none. */
  readonly auxiliaryLoss: number;
  /** Null: never. */
  readonly validation: Validation | null;
  /** Of the initial weights and of the order of the sequences. */
  readonly seed: number;
}

export interface Validation {
  /** Steps from one to the next. */
  readonly every: number;
  /** Global batches of the validation split in each. */
  readonly batches: number;
}

/**
 * Optimizer, clipping and the decay to a tenth are as GPT-3's (Brown et al. 2020, arXiv 2005.14165, appendix B), the
 * auxiliary loss as the Switch Transformer's (Fedus et al. 2021, arXiv 2101.03961); the rate and the number of steps are
 * for a small model.
 */
export const DEFAULT_TRAINING: Training = {
  steps: 1000,
  learningRate: 1e-3,
  minimumLearningRate: 1e-4,
  warmup: 100,
  decay: 'cosine',
  clip: 1,
  optimizer: 'adamw',
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  auxiliaryLoss: 0.01,
  validation: { every: 100, batches: 8 },
  seed: 1,
};

/**
 * The rate of a step, the first being 1: rate * step / warmup up to the last step of the warm-up; from there on
 *
 *     rate * left + minimum * (1 - left),   left = 1 - p  or  (1 + cos(pi p)) / 2   (Loshchilov and Hutter 2017)
 *
 * where p is the share of the steps after the warm-up that are done.
 */
export const learningRateAt = (
  { learningRate, minimumLearningRate, warmup, steps, decay }: Training,
  step: number,
): number => {
  if (step <= warmup) return learningRate * (step / warmup);
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  const left = LEFT[decay](progress);
  return learningRate * left + minimumLearningRate * (1 - left);
};

/** Of the way from the highest rate to the lowest, what is left at a share of the steps. */
const LEFT: Readonly<Record<Decay, (progress: number) => number>> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};
