/** Laws of what stands beside the winner: layouts one change away with the right verdict, and the same answer when asked again. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enumerate, jobAt } from '../../src/plan/enumerate.ts';
import type { Fixed } from '../../src/plan/explain.ts';
import { explain, jobsOf, whyNot } from '../../src/plan/explain.ts';
import { candidateOf } from '../../src/plan/outlook.ts';
import type { Neighbour, Plan } from '../../src/plan/plan.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { search } from '../../src/plan/search.ts';
import { memoryLimit } from '../../src/plan/task.ts';
import type { Job } from '../../src/scenario/job.ts';
import { folded } from '../../src/sim/folded.ts';
import { anyQuestion, memoryOf, tinyScenario } from '../worlds/questions.ts';

const options = { pool: null, onProgress: () => undefined, isInterrupted: () => false, alternatives: [] };

/** Plans of random questions, on cards of which a third of the layouts' neighbours are too large. */
const withPlan = (check: (plan: Plan) => void, numRuns: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(anyQuestion(400), fc.boolean(), async (question, isTight) => {
      const answer = await search(question, options);
      fc.pre(answer.kind === 'plan');
      const { peak } = answer.winner.outlook.memory;
      const tight = memoryOf(question, Math.ceil((peak + 1) / (1 - question.memoryMargin)));
      const again = isTight ? await search(tight, options) : answer;
      if (again.kind !== 'plan') throw new Error('the winner still fits');
      check(again);
    }),
    { numRuns },
  );

/** The axes in which two jobs differ; what one change forces upon others is left out. */
const changesOf = ({ layout: a, recompute: before }: Job, { layout: b, recompute: after }: Job): readonly string[] => {
  const isOwn: Readonly<Record<string, boolean>> = {
    tp: a.tp !== b.tp,
    pp: a.pp !== b.pp,
    microbatch: a.microbatch !== b.microbatch,
    zero: a.zero !== b.zero,
    recompute: JSON.stringify(before) !== JSON.stringify(after),
    // The data ranks take up what tensor ranks or stages leave.
    dp: a.dp !== b.dp && a.tp === b.tp && a.pp === b.pp,
    // One stage has one schedule and one model chunk; chunks and the interleaved schedule go together.
    pipeline: (a.schedule !== b.schedule || a.vp !== b.vp) && !(b.pp === 1 && a.pp > 1),
    sequenceParallel: a.sequenceParallel !== b.sequenceParallel && !(b.tp === 1 && a.tp > 1),
  };
  return Object.keys(isOwn).filter((axis) => isOwn[axis]);
};

const verdictOf = ({ job }: Neighbour, plan: Plan): Neighbour['verdict'] => {
  const rule = ruleAgainst(job);
  if (rule !== null) return { kind: 'rule', rule };
  const { evaluation, outlook } = candidateOf(job, folded(job));
  const { stage, peak } = outlook.memory;
  const limit = memoryLimit(plan.scenario);
  return peak > limit ? { kind: 'memory', stage, peak, limit } : { kind: 'simulated', step: evaluation.step };
};

describe('a neighbour', () => {
  test('is one change away from the winner, and no two are the same', async () => {
    await withPlan(({ winner, neighbours }) => {
      for (const { job, change } of neighbours) {
        const { tp, pp, dp } = job.layout;
        expect(changesOf(winner.job, job), change).toHaveLength(1);
        // The data ranks take up the slack, should that leave a part of one.
        expect(tp * pp * dp, change).toBe(job.devices);
      }
      expect(new Set(neighbours.map(({ job }) => JSON.stringify(job))).size).toBe(neighbours.length);
      for (const { job } of neighbours)
        expect({ ...job, layout: 0, recompute: 0 }).toEqual({ ...winner.job, layout: 0, recompute: 0 });
    }, 40);
  });

  test('has the verdict that looking at it alone gives', async () => {
    await withPlan((plan) => {
      for (const neighbour of plan.neighbours) {
        expect(neighbour.verdict, neighbour.change).toEqual(verdictOf(neighbour, plan));
        if (neighbour.verdict.kind === 'rule') expect(neighbour.reason).toBe(neighbour.verdict.rule);
        if (neighbour.verdict.kind === 'memory')
          expect(neighbour.reason).toBe(`does not fit: stage ${neighbour.verdict.stage}`);
      }
    }, 25);
  });

  test('is faster than the winner only if it was not asked about', async () => {
    await withPlan(({ scenario, winner, neighbours }) => {
      const asked = new Set([...enumerate(scenario)].map((point) => JSON.stringify(jobAt(scenario, point))));
      for (const { job, verdict, reason } of neighbours) {
        if (verdict.kind !== 'simulated') continue;
        const isFaster = verdict.step < winner.evaluation.step;
        expect(reason.startsWith('faster')).toBe(isFaster);
        if (isFaster) expect(asked.has(JSON.stringify(job))).toBe(false);
      }
    }, 25);
  });

  test('of a free question changes every axis', async () => {
    const answer = await search(
      tinyScenario({ devices: [16], layout: { ...tinyScenario().layout, tp: [2], pp: [2], zero: [0] } }),
      options,
    );
    if (answer.kind !== 'plan') throw new Error('the tiny model fits');
    const axes = answer.neighbours.flatMap(({ job }) => changesOf(answer.winner.job, job));
    expect(new Set(axes)).toEqual(
      new Set(['tp', 'pp', 'microbatch', 'pipeline', 'zero', 'sequenceParallel', 'recompute']),
    );
  });
});

/** What fixes every axis of a job. */
const fixedOf = ({ layout, recompute, precision, devices }: Job): Fixed => ({
  ...Object.fromEntries(Object.entries(layout).map(([axis, value]) => [axis, String(value)])),
  recompute: recompute.kind,
  precision,
  devices: String(devices),
});

describe('a layout asked about again', () => {
  test('is the winner, to the last figure, when its axes are fixed', async () => {
    await withPlan(({ scenario, winner }) => {
      const jobs = jobsOf(scenario, fixedOf(winner.job)).map((job) => JSON.stringify(job));
      expect(jobs).toContain(JSON.stringify(winner.job));
      expect(explain(winner.job, 'folded')).toEqual(winner);
    }, 25);
  });

  test('is each legal one that the scenario allows, and no other', () => {
    fc.assert(
      fc.property(
        anyQuestion(400),
        fc.subarray(['tp', 'pp', 'microbatch', 'schedule', 'zero', 'recompute'] as const),
        fc.nat(),
        (scenario, axes, pick) => {
          const jobs = [...enumerate(scenario)].map((point) => jobAt(scenario, point));
          fc.pre(jobs.length > 0);
          const whole = fixedOf(jobs[pick % jobs.length]!);
          const fixed: Fixed = Object.fromEntries(axes.map((axis) => [axis, whole[axis]]));
          const matches = (job: Job): boolean => axes.every((axis) => fixedOf(job)[axis] === fixed[axis]);
          const legal = jobs
            .filter((job) => matches(job) && ruleAgainst(job) === null)
            .map((job) => JSON.stringify(job));
          const found = jobsOf(scenario, fixed);
          expect(found.map((job) => JSON.stringify(job))).toEqual(expect.arrayContaining(legal));
          for (const job of found) {
            expect(matches(job)).toBe(true);
            expect(ruleAgainst(job)).toBeNull();
          }
          // What is refused is refused for a rule, since something matches.
          if (found.length === 0) expect(whyNot(scenario, fixed)).not.toMatch(/^no layout/u);
        },
      ),
      { numRuns: 150 },
    );
  });

  test.each([
    [{ tp: '4', pp: '2', zero: '3' }, 'ZeRO 3 does not go with a pipeline'],
    [{ pp: '1', schedule: 'gpipe' }, 'schedule gpipe without a pipeline is 1f1b'],
    [{ tp: '1', sequenceParallel: 'true' }, 'sequence parallelism needs tp > 1'],
    [
      { tp: '16', devices: '16' },
      'no layout that this scenario allows has tp=16, devices=16; the grid must multiply to 8 devices',
    ],
  ])('is refused with the rule against it, tried by a free search or not: %j', (fixed, reason) => {
    const scenario = tinyScenario();
    expect(jobsOf(scenario, fixed)).toEqual([]);
    expect(whyNot(scenario, fixed)).toBe(reason);
  });
});
