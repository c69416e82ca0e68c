/** The keys of a scenario that only a real run reads, and what they mean when they are left out. */
import { z } from 'zod';
import { show } from './issues.ts';
import { nearestName } from './nearest.ts';
import type { RealRun, Tokenizer } from './real-run.ts';
import { DEVICES, TOKENIZERS } from './real-run.ts';
import { axis, closed, oneOf, share, whole, words } from './shape.ts';
import type { Training } from './training.ts';
import { DECAYS, DEFAULT_TRAINING, OPTIMIZERS } from './training.ts';

const STEPS_MAX = 1_000_000_000;
const steps = whole(1, STEPS_MAX);

const above = (wanted: string) => z.number({ error: wanted }).positive({ error: wanted });
const rate = above('a number above 0 such as 3e-4');
/** Of the average that a moment is, the share that stays a step later. */
const momentWanted = 'a number from 0 up to, but not, 1, such as 0.9';
const moment = z.number({ error: momentWanted }).min(0, { error: momentWanted }).lt(1, { error: momentWanted });
const notBelowZero = 'a number of at least 0 such as 0.1';
const atLeastZero = z.number({ error: notBelowZero }).min(0, { error: notBelowZero });

/** `none` in a file, null in the house. */
const orNone = <Value, Input>(value: z.ZodType<Value, Input>, wanted: string) =>
  z.union([z.literal('none', { error: wanted }).transform((): null => null), value], { error: wanted });

const validationWanted = 'none, or a mapping of every and batches';
const validation = closed(
  {
    every: steps.default(100).describe('Steps from one validation to the next.'),
    batches: whole(1, STEPS_MAX).default(8).describe('Global batches of the validation split in each.'),
  },
  validationWanted,
);
const clipWanted = 'none, or a number above 0 such as 1';

/** Each key by itself, for the checks that a mistake in another key must not hide. */
export const trainShape = {
  steps: steps.optional().describe('Steps of the optimizer. Absent: what workload.tokens take, or 1000.'),
  learningRate: rate.default(DEFAULT_TRAINING.learningRate).describe('The highest, at the end of the warm-up.'),
  minimumLearningRate: atLeastZero.optional().describe('Where the decay ends. Absent: a tenth of learningRate.'),
  warmup: whole(0, STEPS_MAX)
    .optional()
    .describe('Steps over which the rate rises. Absent: a tenth of the steps, at most 100.'),
  decay: oneOf(DECAYS).default(DEFAULT_TRAINING.decay).describe('How the rate falls after the warm-up.'),
  clip: orNone(above(clipWanted), clipWanted)
    .default(DEFAULT_TRAINING.clip)
    .describe('Largest norm of all gradients together.'),
  optimizer: oneOf(OPTIMIZERS).default(DEFAULT_TRAINING.optimizer),
  beta1: moment.default(DEFAULT_TRAINING.beta1).describe('Of AdamW.'),
  beta2: moment.default(DEFAULT_TRAINING.beta2).describe('Of AdamW.'),
  epsilon: rate.default(DEFAULT_TRAINING.epsilon).describe('Of AdamW.'),
  weightDecay: atLeastZero.default(DEFAULT_TRAINING.weightDecay).describe('Of AdamW.'),
  auxiliaryLoss: atLeastZero
    .default(DEFAULT_TRAINING.auxiliaryLoss)
    .describe('Weight of the loss that balances the experts of a layer, by sequence.'),
  validation: orNone(validation, validationWanted).default(DEFAULT_TRAINING.validation),
  seed: whole(0)
    .optional()
    .describe("Of the initial weights and of the order of the sequences. Absent: the scenario's."),
};
const train = closed(trainShape, 'a mapping such as {steps: 1000, learningRate: 1e-3}');

const tokenizerWanted = `one of ${TOKENIZERS.join(', ')}, or the path of a tokenizer.json`;
const tokenizer = z.string({ error: tokenizerWanted }).transform((text, context): Tokenizer => {
  const name = TOKENIZERS.find((known) => known === text);
  if (name !== undefined) return { kind: 'named', name };
  if (text.endsWith('.json')) return { kind: 'file', path: text };
  const message = `${show(text)} is not ${tokenizerWanted}`;
  context.addIssue({ code: 'custom', message, params: { suggestion: nearestName(text, TOKENIZERS) } });
  return z.NEVER;
});

const files = axis(words, 'the path of a file')
  .optional()
  .transform((given) => given ?? []);
/** Each key by itself, as of `train`. */
export const dataShape = {
  text: files.describe('Each file is a document. Without text and jsonl: Moby-Dick, chapter by chapter.'),
  jsonl: files.describe('Each line of a file is a document: a mapping.'),
  field: words.default('text').describe('Of a line of jsonl, the key whose value is the text.'),
  tokenizer: tokenizer
    .prefault('bytes')
    .describe('bytes, gpt2, cl100k_base, o200k_base, or the path of a tokenizer.json.'),
  validation: share
    .refine((part) => part < 1, {
      error: ({ input }) => `a share of ${String(input)} leaves nothing to train on; wanted less than 1`,
    })
    .prefault('10%')
    .describe('Share of the documents that are kept from training.'),
};
const data = closed(dataShape, 'a mapping of text, jsonl, tokenizer and so on');

const keepWanted = 'all, or a whole number of at least 1';
const checkpoint = closed(
  {
    folder: words.describe('Where checkpoints are saved, and found when the run goes on.'),
    every: steps.default(100).describe('Steps from one to the next; the last step is always saved.'),
    keep: z
      .union([z.literal('all', { error: keepWanted }).transform((): null => null), whole(1)], { error: keepWanted })
      .default(2)
      .describe('The latest so many are kept, older ones removed; or all.'),
  },
  'a mapping such as {folder: checkpoints, every: 100}',
);

/** Of the design, but not written yet. */
const LATER_DEVICES: readonly unknown[] = ['webgpu', 'gpujs'];
const device = z.enum(DEVICES, {
  error: ({ input }) =>
    LATER_DEVICES.includes(input) ? 'there yet; wanted auto or cpu' : `one of ${DEVICES.join(', ')}`,
});

export const runShape = {
  train: train.prefault({}).describe('How a real run learns.'),
  data: data.prefault({}).describe('What a real run reads.'),
  checkpoint: checkpoint
    .optional()
    .transform((given) => given ?? null)
    .describe('What a real run saves. Absent: nothing.'),
  device: device.default('auto').describe('What a real run computes on.'),
  output: words
    .optional()
    .transform((given) => given ?? null)
    .describe('Folder of what a real run writes down. Absent: a new one named after the run.'),
};

/** What a step takes, and what was said of the whole run. */
interface Extent {
  readonly tokens: number | null;
  readonly stepTokens: number;
  readonly seed: number;
}

/** The rest of what was left out follows from what was given. */
export const runFrom = (
  { train: given, data: source, checkpoint: saved, device: processor, output }: z.output<z.ZodObject<typeof runShape>>,
  extent: Extent,
): RealRun => ({
  training: trainingFrom(given, extent),
  data: source,
  checkpoint: saved,
  device: processor,
  output,
});

const trainingFrom = (given: z.output<typeof train>, { tokens, stepTokens, seed }: Extent): Training => {
  const wanted = tokens === null ? DEFAULT_TRAINING.steps : Math.ceil(tokens / stepTokens);
  const stepCount = given.steps ?? wanted;
  return {
    ...given,
    steps: stepCount,
    minimumLearningRate: given.minimumLearningRate ?? given.learningRate / 10,
    warmup: given.warmup ?? Math.min(DEFAULT_TRAINING.warmup, Math.floor(stepCount / 10)),
    seed: given.seed ?? seed,
  };
};
