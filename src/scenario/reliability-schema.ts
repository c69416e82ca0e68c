/** The key `reliability` of a scenario. What it leaves out is as published rates of the card's kind have it. */
import { z } from 'zod';
import { parseDuration } from '../units/parse.ts';
import type { Cluster, Figure } from './cluster.ts';
import type { Model } from './model.ts';
import type { CheckpointPlan, CheckpointWay, FailureRates, Reliability } from './reliability.ts';
import { CHECKPOINT_KINDS, defaultReliability, knownOf } from './reliability.ts';
import { bandwidth, closed, figure, oneOf, quantity, size, whole } from './shape.ts';

const wait = quantity(parseDuration, ['10min', '1h']);
const waitFigure = figure(wait).optional();

const rateWanted = 'failures of 1,000 days, a number such as 0.3';
const rate = figure(z.number({ error: rateWanted }).min(0, { error: rateWanted }).max(1e6, { error: rateWanted }));

const failures = closed(
  {
    card: rate.optional().describe('Of one card.'),
    node: rate.optional().describe('Of one node, its cards and links apart.'),
    fabric: rate.optional().describe('Of the switches and cables that serve one node.'),
    software: rate.optional().describe("Of the job's own software."),
  },
  'a mapping of card, node, fabric and software',
);

const everyWanted = 'best, or a time such as 30min';
const checkpoint = closed(
  {
    kind: oneOf(CHECKPOINT_KINDS)
      .optional()
      .describe('sync: training waits for storage. async: for the hosts. two-stage: storage gets every so many.'),
    every: z
      .union(
        [
          z.literal('best', { error: everyWanted }),
          wait.refine((time) => time > 0, { error: `leaves no step between two; wanted ${everyWanted}` }),
        ],
        {
          error: everyWanted,
        },
      )
      .optional()
      .describe('From one to the next. Absent: best.'),
    size: figure(size).optional().describe('Of the whole job. Absent: 13 bytes a parameter.'),
    storage: figure(
      bandwidth.refine((given) => given > 0, { error: 'writes nothing; wanted a bandwidth such as 1GB/s' }),
    )
      .optional()
      .describe('Of each node, when all of them write. Absent: 1GB/s.'),
    storageEvery: whole(1, 1_000_000)
      .optional()
      .describe('Of two-stage: checkpoints from one that goes to storage to the next. Absent: 10.'),
    copies: oneOf(['own', 'neighbour']).optional().describe('Of two-stage: who keeps a copy. Absent: neighbour.'),
  },
  'a mapping of kind, every, size and storage',
).superRefine(({ kind, storageEvery, copies }, context) => {
  if (kind === 'two-stage') return;
  for (const [key, value] of Object.entries({ storageEvery, copies }))
    if (value !== undefined) context.addIssue({ code: 'custom', message: 'is of kind: two-stage alone', path: [key] });
});

const shapeWanted = 'a number from 0.2 to 10, such as 0.8';

export const reliabilitySchema = closed(
  {
    failures: failures.prefault({}).describe('That stop the job, of 1,000 days of each.'),
    shape: figure(z.number({ error: shapeWanted }).min(0.2, { error: shapeWanted }).max(10, { error: shapeWanted }))
      .optional()
      .describe('Of the Weibull distribution of the gaps between failures. Absent: 1, a Poisson process.'),
    detection: waitFigure.describe('From a failure until the job knows of it. Absent: 5min.'),
    restart: waitFigure.describe('From there until it trains again. Absent: 10min.'),
    swap: waitFigure.describe('In addition, where a spare node comes in. Absent: 2min.'),
    repair: waitFigure.describe('Until a node that failed is a spare again. Absent: 1days.'),
    spares: whole(0, 1_000_000).optional().describe('Nodes that wait for a failure. Absent: a hundredth of the nodes.'),
    withoutSpare: oneOf(['wait', 'shrink'])
      .optional()
      .describe('Where no spare is left: wait for a repair, or go on with fewer data ranks. Absent: wait.'),
    checkpoint: checkpoint.prefault({}).describe('How the state of the run is saved.'),
    seeds: whole(1, 10_000).optional().describe('Lives that are drawn. Absent: 100.'),
  },
  'a mapping of failures, detection, restart, repair, spares, checkpoint and so on',
).describe('Failures and what they cost over the whole run; angel-sim job plays them.');

type Written = z.output<typeof reliabilitySchema>;

export const reliabilityFrom = (written: Written, model: Model, cluster: Cluster): Reliability => {
  const assumed = defaultReliability(knownOf(model, cluster));
  return {
    failures: ratesFrom(written.failures, assumed.failures),
    shape: written.shape ?? assumed.shape,
    detection: written.detection ?? assumed.detection,
    restart: written.restart ?? assumed.restart,
    swap: written.swap ?? assumed.swap,
    repair: written.repair ?? assumed.repair,
    spares: written.spares ?? assumed.spares,
    withoutSpare: written.withoutSpare ?? assumed.withoutSpare,
    checkpoint: checkpointFrom(written.checkpoint, assumed.checkpoint),
    seeds: written.seeds ?? assumed.seeds,
  };
};

type RatesWritten = { readonly [Key in keyof FailureRates]?: Figure<number> | undefined };
const ratesFrom = (written: RatesWritten, assumed: FailureRates): FailureRates => ({
  card: written.card ?? assumed.card,
  node: written.node ?? assumed.node,
  fabric: written.fabric ?? assumed.fabric,
  software: written.software ?? assumed.software,
});

const STORAGE_EVERY = 10;
const checkpointFrom = (written: Written['checkpoint'], assumed: CheckpointPlan): CheckpointPlan => {
  const { kind = assumed.way.kind, every, storageEvery = STORAGE_EVERY, copies = 'neighbour' } = written;
  const way: CheckpointWay = kind === 'two-stage' ? { kind, storageEvery, copies } : { kind };
  return {
    way,
    every: every === undefined || every === 'best' ? null : every,
    size: written.size ?? assumed.size,
    storage: written.storage ?? assumed.storage,
  };
};
