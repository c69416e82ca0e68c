/** What `angel-sim compare --json` prints. */
import { z } from 'zod';

import { AXES } from '../effects/group.ts';
import type { Comparison } from './compare.ts';
import { assumptionsOf, isAgreed } from './compare.ts';
import { keyed } from './json.ts';
import { layoutJson, layoutSchema } from './candidate-json.ts';
import { PHASES } from '../effects/phase.ts';
import { LINKS } from './traffic.ts';

const seconds = z.number().nonnegative();
const bytes = z.int().nonnegative();
const phasesSchema = z
  .record(z.enum(PHASES), seconds)
  .meta({ description: 'seconds of a step, the mean over the ranks and the steps that count' });
const sentSchema = z
  .strictObject({ tag: z.int(), bytes })
  .nullable()
  .meta({ description: 'null: this world sends no more on the channel' });
const trafficSchema = z.array(
  z.strictObject({ axis: z.enum(AXES), link: z.enum(LINKS), messages: z.int().positive(), bytes }),
);

export const compareSchema = z
  .strictObject({
    schema: z.literal('angel-sim.compare/1'),
    title: z.string(),
    model: z.string(),
    cluster: z.string(),
    layout: layoutSchema,
    backend: z.string().meta({ description: 'what computed in the real world' }),
    cores: z.strictObject({ machine: z.int().positive(), cluster: z.number().positive().nullable() }),
    steps: z.int().positive(),
    skipped: z.int().nonnegative().meta({ description: 'the first steps, which are run and not counted' }),
    tolerance: z.number().nonnegative(),
    step: z.strictObject({
      simulated: seconds,
      real: seconds.meta({ description: 'the step that a tenth of those that count are faster than: undisturbed' }),
      median: seconds.meta({ description: 'the real one in the middle' }),
      traced: seconds.meta({
        description: 'the median of a second run that wrote all down, which `phases.real` is of',
      }),
      each: z.array(seconds).meta({ description: 'the real steps that count' }),
      error: z.number().meta({ description: 'simulated over real, less one' }),
    }),
    phases: z.strictObject({ simulated: phasesSchema, real: phasesSchema }),
    traffic: z
      .strictObject({ simulated: trafficSchema, real: trafficSchema })
      .meta({ description: 'all messages of all ranks in all steps' }),
    memory: z
      .array(z.strictObject({ rank: z.int().nonnegative(), simulated: bytes, real: bytes, held: bytes }))
      .meta({ description: 'peak of what programs allocate; held: the most that was really held at once' }),
    channels: z.strictObject({
      count: z.int().nonnegative(),
      messages: z.int().nonnegative(),
      differing: z.array(
        z.strictObject({
          from: z.int().nonnegative(),
          to: z.int().nonnegative(),
          strand: z.string(),
          message: z.int().nonnegative().meta({ description: 'the first that differs, from 0' }),
          simulated: sentSchema,
          real: sentSchema,
        }),
      ),
    }),
    assumptions: z.array(z.string()),
    agree: z.strictObject({ messages: z.boolean(), memory: z.boolean(), step: z.boolean(), all: z.boolean() }),
  })
  .meta({ title: 'angel-sim compare', description: 'What `angel-sim compare --json` prints.' });

type CompareJson = z.infer<typeof compareSchema>;

export const comparisonJson = (compared: Comparison): CompareJson => {
  const {
    title,
    job,
    backend,
    cores,
    steps,
    skipped,
    tolerance,
    step,
    middle,
    steppedIn,
    tracedStep,
    error,
    phases,
    traffic,
  } = compared;
  const { memory, channels, messages, differing, isMemoryEqual, isClose } = compared;
  return {
    schema: 'angel-sim.compare/1',
    title,
    model: job.model.name,
    cluster: job.cluster.name,
    layout: layoutJson(job),
    backend,
    cores: { machine: cores, cluster: job.cluster.cores?.value ?? null },
    steps,
    skipped,
    tolerance,
    step: {
      simulated: step.simulated,
      real: step.real,
      median: middle,
      traced: tracedStep,
      each: [...steppedIn],
      error,
    },
    phases: {
      simulated: keyed(PHASES, (phase) => phases.simulated[phase]),
      real: keyed(PHASES, (phase) => phases.real[phase]),
    },
    traffic: { simulated: [...traffic.simulated], real: [...traffic.real] },
    memory: memory.map(({ simulated, real, held }, rank) => ({ rank, simulated, real, held })),
    channels: { count: channels, messages, differing: differing.map(differingJson) },
    assumptions: [...assumptionsOf(compared)],
    agree: {
      messages: differing.length === 0,
      memory: isMemoryEqual,
      step: isClose,
      all: isAgreed(compared),
    },
  };
};

const differingJson = ({
  from,
  to,
  strand,
  index,
  simulated,
  real,
}: Comparison['differing'][number]): CompareJson['channels']['differing'][number] => ({
  from,
  to,
  strand,
  message: index,
  simulated: simulated === null ? null : { tag: simulated.tag, bytes: simulated.size },
  real: real === null ? null : { tag: real.tag, bytes: real.size },
});
