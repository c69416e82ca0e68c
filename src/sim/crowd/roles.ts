/** Records what the ranks of each stage do: one rank stands for the others until it comes to who plays how fast. */
import { placeDevice, trainStep } from '../../actors/device.ts';
import { deviceContext } from '../../actors/device-context.ts';
import { stageSize } from '../../actors/mesh.ts';
import type { Job } from '../../scenario/job.ts';
import type { Rank } from '../../units/identity.ts';
import { rank } from '../../units/identity.ts';
import type { Machine } from '../machine.ts';
import type { KnownSections } from './recording-world.ts';
import { RecordingWorld } from './recording-world.ts';
import type { Role } from './score.ts';

/** By stage, the rank that is recorded: the first. */
export const firstsOf = ({ layout }: Job): readonly Rank[] =>
  Array.from({ length: layout.pp }, (_, stage) => rank(stage * stageSize(layout)));

export const rolesOf = (job: Job, machine: Machine): readonly Role[] => {
  const known: KnownSections = new Map();
  return firstsOf(job).map((first) => {
    const context = deviceContext(job, first);
    const world = new RecordingWorld(job, machine, known);
    return world.record(
      first,
      () => placeDevice(context),
      (placed) => trainStep(context, placed, 1),
    );
  });
};
