/** `run --json`: what came of a run, and where its files are. */
import { z } from 'zod';
import { PHASES } from '../effects/phase.ts';
import { layoutJson, layoutSchema } from './candidate-json.ts';
import { keyed } from './json.ts';
import type { RankSummary, RunSummary } from './run-text.ts';
import { leftOutOf, ownRows, stepTimeOf, tokensPerSecondOf, validationOf } from './run-text.ts';

const count = z.int().min(0);
const time = z.number().min(0);
const nats = z.number().meta({ description: 'nats a token' });
const lossAt = z.strictObject({ step: z.int().min(1), loss: nats });

const rankSchema = z.strictObject({
  allocated_bytes: count.meta({
    description: 'what its programs allocated at once at most, without what stands for memory of a runtime',
  }),
  held_bytes: count.meta({ description: 'what was really held at once at most, scratch of the kernels included' }),
  seconds: z
    .record(z.enum(PHASES), time)
    .nullable()
    .meta({ description: 'where its time went since its thread was last started; null: nobody counted' }),
});

export const runSchema = z
  .strictObject({
    schema: z.literal('angel-sim.run/1'),
    title: z.string(),
    model: z.string(),
    parameters: count,
    layout: layoutSchema,
    backend: z.string().meta({ description: 'what computed' }),
    devices: z.int().min(1),
    complete: z.boolean().meta({ description: 'false: it was interrupted, and goes on when it is run again' }),
    first_step: z.int().min(1).meta({ description: 'the first step of this run; those before it were done earlier' }),
    last_step: count,
    seconds: time,
    tokens: count.meta({ description: 'of all steps since the first of all' }),
    recoveries: count.meta({ description: 'times that its ranks were started again from a checkpoint' }),
    left_out: count.meta({ description: 'steps of this run whose gradients were not finite: no weight was changed' }),
    first_loss: nats.nullable().meta({ description: 'of the first step of this run; null: there was none' }),
    loss: nats.nullable().meta({ description: 'of the last step, in nats a token; null: there was none' }),
    validation: lossAt.nullable().meta({ description: 'the last one; null: nothing was validated' }),
    step_seconds: time.meta({ description: 'median of the steps of this run but the first' }),
    tokens_per_s: time.meta({ description: 'in a step of that length' }),
    ranks: z.array(rankSchema),
    folder: z.string(),
    files: z.array(z.string()).meta({ description: 'loss.csv, its picture, and the folder of events for TensorBoard' }),
    checkpoints: z.string().nullable().meta({ description: 'null: nothing was saved' }),
  })
  .meta({
    title: 'angel-sim run',
    description: 'What `angel-sim run --json` prints. Units are in the names.',
  });

export const runJson = (summary: RunSummary): z.infer<typeof runSchema> => {
  const own = ownRows(summary);
  return {
    schema: 'angel-sim.run/1',
    title: summary.title,
    model: summary.job.model.name,
    parameters: summary.parameters,
    layout: layoutJson(summary.job),
    backend: summary.backend,
    devices: summary.job.devices,
    complete: summary.isComplete,
    first_step: summary.first,
    last_step: summary.last,
    seconds: summary.elapsed,
    tokens: summary.rows.at(-1)?.tokens ?? 0,
    recoveries: summary.recoveries,
    left_out: leftOutOf(summary),
    first_loss: own[0]?.loss ?? null,
    loss: own.at(-1)?.loss ?? null,
    validation: validationOf(summary),
    step_seconds: stepTimeOf(summary),
    tokens_per_s: tokensPerSecondOf(summary),
    ranks: summary.ranks.map((rank) => rankJson(rank)),
    folder: summary.folder,
    files: [...summary.files],
    checkpoints: summary.checkpoints,
  };
};

const rankJson = ({ allocated, held, phases }: RankSummary): z.infer<typeof rankSchema> => ({
  allocated_bytes: allocated,
  held_bytes: held,
  seconds: phases === null ? null : keyed(PHASES, (phase) => phases[phase]),
});
