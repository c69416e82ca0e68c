/** `simulate --json`: one layout, stage by stage and term by term. */
import { z } from 'zod';
import type { Disturbance } from '../plan/disturbance.ts';
import type { Candidate } from '../plan/plan.ts';
import type { Job } from '../scenario/job.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandJson, bandSchema } from './band.ts';
import {
  candidateJson,
  candidateSchema,
  figureJson,
  figureSchema,
  publishedJson,
  publishedSchema,
} from './candidate-json.ts';
import { disturbanceJson, disturbanceSchema } from './disturbance.ts';
import { figuresOf } from './figures.ts';

const workloadSchema = z.strictObject({
  sequence: z.int().min(0).meta({ description: 'tokens a sequence' }),
  global_batch: z.int().min(0).meta({ description: 'sequences a step' }),
  tokens: z.number().nullable().meta({ description: 'of the whole run; null when only the step is asked about' }),
});

export const simulateSchema = z
  .strictObject({
    schema: z.literal('angel-sim.simulate/1'),
    title: z.string(),
    model: z.string(),
    cluster: z.string(),
    workload: workloadSchema,
    seed: z.int(),
    fits: z.boolean().meta({ description: 'whether the worst stage fits the card' }),
    matching_layouts: z.int().min(1).meta({ description: 'layouts the scenario allows; this is the best of them' }),
    candidate: candidateSchema,
    disturbance: disturbanceSchema,
    band: bandSchema,
    published: publishedSchema,
    figures: z.array(figureSchema),
  })
  .meta({
    title: 'angel-sim simulate',
    description: 'What `angel-sim simulate --json` prints. Units are in the names.',
  });

interface SimulationParts {
  readonly title: string;
  readonly matching: number;
  readonly bands: BandsFile;
  /** What the full rung found; null on other rungs. */
  readonly disturbed: Disturbance | null;
}

export const simulateJson = (
  candidate: Candidate,
  { title, matching, bands, disturbed }: SimulationParts,
): z.infer<typeof simulateSchema> => ({
  schema: 'angel-sim.simulate/1',
  title,
  model: candidate.job.model.name,
  cluster: candidate.job.cluster.name,
  workload: workloadJson(candidate.job),
  seed: candidate.job.seed,
  fits: candidate.outlook.memory.headroom >= 0,
  matching_layouts: matching,
  candidate: candidateJson(candidate),
  disturbance: disturbanceJson(disturbed),
  band: bandJson(candidate, bands),
  published: publishedJson(candidate),
  figures: figuresOf(candidate).map(figureJson),
});

const workloadJson = ({ workload }: Job): z.infer<typeof workloadSchema> => ({
  sequence: workload.sequence,
  global_batch: workload.globalBatch,
  tokens: workload.tokens,
});
