/** A schedule that no layout names runs in both worlds: it learns what the named ones learn, and they agree on its messages. */
import { expect, test } from 'vitest';
import { cast } from '../../src/actors/cast.ts';
import { supervisorOf } from '../../src/actors/device.ts';
import type { Itinerary } from '../../src/actors/itinerary.ts';
import { differences } from '../../src/effects/channels.ts';
import type { Job } from '../../src/scenario/job.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { CALM } from '../../src/sim/message.ts';
import { MessageWorld } from '../../src/sim/message-world.ts';
import { rank } from '../../src/units/identity.ts';
import { eagerOneForwardOneBackward } from '../../examples/eager-one-forward-one-backward.ts';
import { positions } from '../worlds/collective-case.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import { train } from '../worlds/training.ts';

const STEPS = 2;
const schedule = eagerOneForwardOneBackward;
const JOBS = [1, 2].map((dp) =>
  smallJob(
    tinyJob({
      layout: { tp: 1, pp: 3, vp: 1, dp, schedule: '1f1b', zero: 1, microbatch: 1 },
      model: { layers: 3 },
      workload: { globalBatch: 6 * dp },
    }),
    REAL_FAMILIES['gpt']!,
  ),
);

const simulated = (job: Job) => {
  const itinerary: Itinerary = { first: 1, last: STEPS, validatesEvery: null, savesEvery: STEPS };
  const world = new MessageWorld(machineOf(job), { seed: job.seed, conditions: CALM });
  const ranks = positions(supervisorOf(job) + 1).map((index) => rank(index));
  const strands = world.run(ranks.map((self) => ({ rank: self, program: cast(job, self, itinerary, schedule) })));
  return { trace: world.trace, peaks: strands.map(({ state }) => state.tape.settle().delta.peak) };
};

test('it learns what 1F1B learns to the last bit, for it takes the microbatches in the same order', () => {
  for (const job of JOBS) {
    const [named, own] = [train(job, { steps: STEPS }), train(job, { steps: STEPS, schedule })];
    expect(own.losses).toEqual(named.losses);
    for (const [name, values] of named.weights) expect(own.weights.get(name), name).toEqual(values);
  }
});

test('both worlds send its messages and peak at the same byte, the first stage above that of 1F1B', () => {
  for (const job of JOBS) {
    const [named, own, { trace, peaks }] = [
      train(job, { steps: STEPS }),
      train(job, { steps: STEPS, schedule }),
      simulated(job),
    ];
    expect(differences(trace, own.trace)).toEqual([]);
    expect(own.memory.map(({ peak }) => peak)).toEqual(peaks);
    expect(own.memory[0]!.peak).toBeGreaterThan(named.memory[0]!.peak);
  }
});
