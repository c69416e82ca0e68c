/** Laws of the space that is searched: every legal layout of a small scenario is in it, once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enumerate, jobAt, USUAL_SCHEDULES } from '../../src/plan/enumerate.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import type { Layout } from '../../src/scenario/job.ts';
import { NO_OFFLOAD, PLAIN_LAYOUT, ZERO_STAGES } from '../../src/scenario/job.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { tinyCluster, tinyModel } from '../worlds/jobs.ts';
import { FREE, tinyScenario } from '../worlds/questions.ts';

const upTo = (most: number): readonly number[] => Array.from({ length: most }, (_, index) => index + 1);

/** Every layout of so many devices, without a thought. */
function* everyLayout({ workload, model }: Scenario, devices: number): Generator<Layout> {
  for (const tp of upTo(devices))
    for (const pp of upTo(devices / tp))
      for (const vp of upTo(model.layers + 2))
        for (const schedule of USUAL_SCHEDULES)
          for (const microbatch of upTo(workload.globalBatch))
            for (const zero of ZERO_STAGES)
              for (const sequenceParallel of [false, true])
                yield {
                  ...PLAIN_LAYOUT,
                  tp,
                  pp,
                  dp: devices / tp / pp,
                  vp,
                  schedule,
                  microbatch,
                  zero,
                  sequenceParallel,
                };
}

const legalOf = (scenario: Scenario, layouts: Iterable<Layout>): readonly string[] =>
  [...layouts]
    .filter((layout) => {
      const fixed = { precision: 'bf16', recompute: { kind: 'none' }, offload: NO_OFFLOAD } as const;
      const point = { devices: scenario.devices[0]!, ...fixed, layout };
      return ruleAgainst(jobAt(scenario, point)) === null;
    })
    .map(({ tp, pp, dp, vp, schedule, microbatch, zero, sequenceParallel }) =>
      [tp, pp, dp, vp, schedule, microbatch, zero, sequenceParallel].join(' '),
    )
    .toSorted();

const anyFree = fc
  .record({
    devices: fc.integer({ min: 1, max: 8 }),
    layers: fc.integer({ min: 1, max: 8 }),
    kvHeads: fc.constantFrom(8, 4, 2),
    globalBatch: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ devices, layers, kvHeads, globalBatch }) =>
    tinyScenario({
      devices: [devices],
      model: { ...tinyModel, layers, kvHeads },
      workload: { kind: 'pretrain', sequence: 128, globalBatch, tokens: null },
      recompute: [{ kind: 'none' }],
    }),
  );

describe('a free search', () => {
  test('looks at every legal layout', () => {
    fc.assert(
      fc.property(anyFree, (scenario) => {
        const found = [...enumerate(scenario)].map(({ layout }) => layout);
        const legal = legalOf(scenario, found);
        expect(legal).toEqual(legalOf(scenario, everyLayout(scenario, scenario.devices[0]!)));
        expect(new Set(legal).size).toBe(legal.length);
      }),
      { numRuns: 40 },
    );
  });

  test('leaves tensor groups wider than two scale-up domains to be asked for', () => {
    const scenario = tinyScenario({ cluster: { ...tinyCluster, scaleUpDomain: 2 } });
    const widest = (asked: Scenario): number => Math.max(...[...enumerate(asked)].map(({ layout }) => layout.tp));
    expect(widest(scenario)).toBe(4);
    expect(widest({ ...scenario, layout: { ...FREE, tp: [8] } })).toBe(8);
  });
});

test('an axis that is given is obeyed, one that is free takes every other value', () => {
  fc.assert(
    fc.property(
      anyFree,
      fc.constantFrom('tp', 'pp', 'microbatch', 'zero', 'schedule', 'sequenceParallel'),
      (scenario, axis) => {
        const free = [...enumerate(scenario)].map(({ layout }) => layout);
        const value = free[0]?.[axis as keyof Layout];
        const given = [...enumerate({ ...scenario, layout: { ...FREE, [axis]: [value] } })].map(({ layout }) => layout);
        expect(legalOf(scenario, given)).toEqual(
          legalOf(
            scenario,
            free.filter((layout) => layout[axis as keyof Layout] === value),
          ),
        );
      },
    ),
    { numRuns: 60 },
  );
});
