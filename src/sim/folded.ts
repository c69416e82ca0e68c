/** The folded rung: one rank stands for all identical ranks of its stage, and each model chunk is profiled once. */
import { deviceContext } from '../actors/device-context.ts';
import { placeDevice, trainStep } from '../actors/device.ts';
import type { DeviceContext } from '../actors/device-context.ts';
import { groupShape } from '../collectives/group-shape.ts';
import type { Program } from '../effects/effect.ts';
import type { Strand } from '../effects/program.ts';
import type { Job } from '../scenario/job.ts';
import { rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import { between, instantZero, latest } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import type { Course } from './kahn-world.ts';
import { KahnWorld } from './kahn-world.ts';
import { machineOf } from './machine.ts';
import type { ProfileCache } from './profile.ts';
import { profilesFor } from './profile.ts';
import { evaluationOf } from './stage-report.ts';

/** The first rank of every stage, in the order of the stages. */
export const representatives = (job: Job): readonly DeviceContext[] =>
  Array.from({ length: job.layout.pp }, (_, stage) => deviceContext(job, rank(stage * job.layout.tp * job.layout.dp)));

function* placedStep(context: DeviceContext): Program<void> {
  const placed = yield* placeDevice(context);
  yield* trainStep(context, placed);
}

/** Times one step of the job. `cache` keeps profiles between jobs of one search. */
export const folded = (job: Job, cache: ProfileCache = new Map()): Evaluation => {
  const machine = machineOf(job);
  const contexts = representatives(job);
  const world = new KahnWorld(machine, { alone: false });
  const strands = world.run(
    contexts.map((context) => ({
      rank: context.place.rank,
      program: placedStep(context),
      profiles: profilesFor(cache, job, groupShape(context.layer.group, machine.scaleUpDomain).domain),
    })),
  );
  const end = strands.reduce<Instant>((last, { state }) => latest(last, state.at), instantZero);
  return evaluationOf(job, {
    fidelity: 'folded',
    end,
    stages: strands.map((strand, index) => measured(contexts[index]!, strand)),
  });
};

const measured = (context: DeviceContext, { state }: Strand<Course>) => ({
  context,
  at: state.at,
  meter: state.meter,
  memory: state.ledger.delta,
  moment: state.ledger.peakMoment,
  filledAt: between(instantZero, state.marks.get('steady') ?? instantZero),
  drainsAt: between(instantZero, state.marks.get('drain') ?? instantZero),
});
