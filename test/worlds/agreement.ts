/** The two rungs that simulate, held against each other: what they must agree on, and how closely. */
import { expect } from 'vitest';
import { deviceContext, linksOf } from '../../src/actors/device-context.ts';
import { stageSize } from '../../src/actors/mesh.ts';
import { collectiveTime } from '../../src/collectives/collective.ts';
import { groupShape } from '../../src/collectives/group-shape.ts';
import type { Group } from '../../src/effects/group.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { Evaluation, Term, Terms } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import type { MessageRun } from '../../src/sim/message.ts';
import { message } from '../../src/sim/message.ts';
import { rank } from '../../src/units/identity.ts';
import { positions } from './collective-case.ts';
import { exchangesEvenly, nameOf } from './job-case.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);

/** What two rungs must agree on to the last digit; times apart. */
const counted = ({ stages, hardwareFlops, sent }: Evaluation): unknown => ({
  hardwareFlops,
  sent: { ...sent, control: 0 },
  stages: stages.map(({ layers, parameters, memory }) => ({ layers, parameters, memory })),
});

/** Messages that ranks wait for one behind another at most, in trees from rank to rank: each rounds to a nanosecond. */
export const longestChain = ({ trace }: MessageRun, { layout, devices }: Job): number => {
  const received = positions(devices).map(() => 0);
  for (const entry of trace) if (entry.kind === 'receipt' && entry.to < devices) received[entry.to]! += 1;
  const ranks = stageSize(layout);
  return positions(layout.pp).reduce(
    (total, stage) => total + received.slice(stage * ranks, (stage + 1) * ranks).reduce((sum, count) => sum + count, 0),
    1,
  );
};

/**
 * What an all-reduce of the gradients' norm over the stages takes at most. It is timed as if all had come to it with the
 * last, but a ring lets those behind the last one go a few messages earlier.
 */
export const meetingTime = (job: Job): number => {
  if (job.training.clip === null && job.precision !== 'fp16') return 0;
  const { layout, cluster } = job;
  if (layout.pp === 1) return 0;
  const group: Group = { axis: 'pp', first: rank(0), stride: stageSize(layout), size: layout.pp };
  const payload = { elements: 1, dtype: 'fp32' } as const;
  const { chooseAlgorithm } = deviceContext(job, rank(0)).layer;
  const algorithm = chooseAlgorithm({ operation: 'all-reduce', group, payload });
  const shape = {
    operation: 'all-reduce',
    algorithm,
    group: groupShape(group, cluster.scaleUpDomain),
    ...payload,
  } as const;
  return nanoseconds(collectiveTime(shape, linksOf(job)));
};

export const expectAgreement = (job: Job): void => {
  const [one, run] = [folded(job), message(job)];
  const all = run.evaluation;
  expect({ job: nameOf(job), ...(counted(one) as object) }).toEqual({ job: nameOf(job), ...(counted(all) as object) });
  const rounding = longestChain(run, job);
  const slack = rounding + meetingTime(job);
  expect(nanoseconds(one.step), nameOf(job)).toBeGreaterThanOrEqual(nanoseconds(all.step) - rounding);
  expect(nanoseconds(one.step), nameOf(job)).toBeLessThanOrEqual(nanoseconds(all.step) + slack);
  for (const [index, { terms }] of one.stages.entries())
    for (const named of exchangesEvenly(job) ? EACH_TERM : TERMS_BESIDE_EXCHANGES) {
      const spent = (of: Terms): number => named.reduce((sum, term) => sum + nanoseconds(of[term]), 0);
      const apart = Math.abs(spent(terms) - spent(all.stages[index]!.terms));
      expect(apart, `${named.join(' + ')} of stage ${index}: ${nameOf(job)}`).toBeLessThanOrEqual(slack);
    }
};

const EACH_TERM: readonly (readonly Term[])[] = TERMS.map((term) => [term]);
/** Ranks that are not done with an exchange together wait for each other in whatever comes next. */
const WAITS: readonly Term[] = ['tp', 'cp', 'ep', 'dp', 'bubble'];
const TERMS_BESIDE_EXCHANGES: readonly (readonly Term[])[] = [
  ...EACH_TERM.filter(([term]) => !WAITS.includes(term!)),
  WAITS,
];
