/** `run --json`: what came of a run, and where its files are. */
import { z } from 'zod';
import type { RankSummary, RunSummary } from './run-text.ts';
import { stepTimeOf } from './run-text.ts';

const count = z.int().min(0);
const time = z.number().min(0);

const rankSchema = z.strictObject({
  allocated_bytes: count.meta({ description: 'what its programs allocated at once at most' }),
  held_bytes: count.meta({ description: 'what was really held at once at most, scratch of the kernels included' }),
  seconds: z
    .strictObject({ matrix: time, attention: time, vector: time, optimizer: time, other: time })
    .meta({ description: 'where its time went; other: messages, waiting and all else' }),
});

export const runSchema = z
  .strictObject({
    schema: z.literal('angel-sim.run/1'),
    title: z.string(),
    backend: z.string().meta({ description: 'what computed' }),
    devices: z.int().min(1),
    complete: z.boolean().meta({ description: 'false: it was interrupted, and goes on when it is run again' }),
    first_step: z.int().min(1).meta({ description: 'the first step of this run; those before it were done earlier' }),
    last_step: count,
    seconds: time,
    recoveries: count.meta({ description: 'times that its ranks were started again from a checkpoint' }),
    loss: z.number().nullable().meta({ description: 'of the last step, in nats a token; null: there was none' }),
    validation_loss: z.number().nullable().meta({ description: 'the last one; null: nothing was validated' }),
    step_seconds: time.meta({ description: 'median of the steps of this run' }),
    ranks: z.array(rankSchema),
    folder: z.string().meta({ description: 'of loss.csv, loss.svg and tensorboard/' }),
    checkpoints: z.string().nullable().meta({ description: 'null: nothing was saved' }),
  })
  .meta({
    title: 'angel-sim run',
    description: 'What `angel-sim run --json` prints. Units are in the names.',
  });

export const runJson = (summary: RunSummary): z.infer<typeof runSchema> => ({
  schema: 'angel-sim.run/1',
  title: summary.title,
  backend: summary.backend,
  devices: summary.job.devices,
  complete: summary.isComplete,
  first_step: summary.first,
  last_step: summary.last,
  seconds: summary.elapsed,
  recoveries: summary.recoveries,
  loss: summary.rows.at(-1)?.loss ?? null,
  validation_loss: summary.rows.findLast(({ validationLoss }) => validationLoss !== null)?.validationLoss ?? null,
  step_seconds: stepTimeOf(summary),
  ranks: summary.ranks.map((rank) => rankJson(rank)),
  folder: summary.folder,
  checkpoints: summary.checkpoints,
});

const rankJson = ({ allocated, held, phases }: RankSummary): z.infer<typeof rankSchema> => ({
  allocated_bytes: allocated,
  held_bytes: held,
  seconds: {
    matrix: phases.matrix,
    attention: phases.attention,
    vector: phases.vector,
    optimizer: phases.optimizer,
    other: phases.other,
  },
});
