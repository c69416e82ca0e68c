/** Pipelines of every schedule: jobs to run, and the first ranks of all stages run side by side in virtual time. */
import { deviceContext } from '../../src/actors/device-context.ts';
import { placeDevice, trainStep } from '../../src/actors/device.ts';
import { stageSize } from '../../src/actors/mesh.ts';
import { scheduleRule } from '../../src/actors/schedules/schedule.ts';
import type { Program } from '../../src/effects/effect.ts';
import type { Strand } from '../../src/effects/program.ts';
import type { Job, Layout, ScheduleName } from '../../src/scenario/job.ts';
import { microbatchesOf, SCHEDULES } from '../../src/scenario/job.ts';
import type { Course } from '../../src/sim/kahn-world.ts';
import { KahnWorld } from '../../src/sim/kahn-world.ts';
import { machineOf } from '../../src/sim/machine.ts';
import type { Profiles } from '../../src/sim/profile.ts';
import { rank } from '../../src/units/identity.ts';
import type { JobParts } from './job-case.ts';
import { tinyJob } from './jobs.ts';

/** Model chunks a stage that a schedule takes, of those worth trying. */
export const chunksFor = (schedule: ScheduleName): readonly number[] =>
  schedule === 'interleaved' ? [2, 3] : [schedule === 'zb-v' || schedule === 'dualpipe' ? 2 : 1];

/** A job of a pipeline, with as many layers to a model chunk and as many microbatches as are asked for. */
export const pipelineJob = (
  { schedule, pp, vp = chunksFor(schedule)[0]!, ...layout }: Pick<Layout, 'schedule' | 'pp'> & Partial<Layout>,
  { layers = 1, microbatches = 2 * pp, parts = {} }: { layers?: number; microbatches?: number; parts?: JobParts } = {},
): Job =>
  tinyJob({
    ...parts,
    layout: { schedule, pp, vp, ...layout },
    model: { layers: layers * pp * (schedule === 'dualpipe' ? 1 : vp), ...parts.model },
    workload: { globalBatch: microbatches * (layout.dp ?? 1) * (layout.microbatch ?? 1), ...parts.workload },
  });

const isLegal = (job: Job): boolean => {
  const { schedule, pp, vp } = job.layout;
  return scheduleRule(schedule, { stages: pp, microbatches: microbatchesOf(job), chunks: vp }) === null;
};

/** A legal pipeline of every schedule that has one of so many stages. */
export const pipelinesOf = (pp: number, layout: Partial<Layout> = {}, parts: JobParts = {}): readonly Job[] =>
  SCHEDULES.flatMap((schedule) =>
    chunksFor(schedule).map((vp) => pipelineJob({ ...layout, schedule, pp, vp }, { parts })),
  ).filter(isLegal);

function* placedStep(job: Job, stage: number): Program<void> {
  const context = deviceContext(job, rank(stage * stageSize(job.layout)));
  yield* trainStep(context, yield* placeDevice(context), 1);
}

/** One step of the first rank of every stage. All ranks of these jobs lie alike on the fabric, so they share profiles. */
export const runStages = (job: Job, profiles: Profiles = new Map()): readonly Strand<Course>[] =>
  new KahnWorld(machineOf(job), { alone: false }).run(
    Array.from({ length: job.layout.pp }, (_, stage) => ({
      rank: rank(stage * stageSize(job.layout)),
      program: placedStep(job, stage),
      profiles,
    })),
  );
