/** Laws of what is not as it should be: whatever is wrong costs time, is named, and costs nothing once it is put right. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disturb, strangeConditions } from '../../src/plan/disturbance.ts';
import type { Conditions, FabricPlan } from '../../src/scenario/conditions.ts';
import { ASSUMED_FABRIC, CALM, isCalm } from '../../src/scenario/conditions.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import { circumstancesOf, randomOrder } from '../../src/sim/circumstances.ts';
import { folded } from '../../src/sim/folded.ts';
import { full } from '../../src/sim/full.ts';
import { Fabric } from '../../src/sim/network/wiring.ts';
import { ratio } from '../../src/units/quantity.ts';
import { tinyJob } from '../worlds/jobs.ts';

const NARROW: FabricPlan = { ...ASSUMED_FABRIC, leafNodes: 1, uplinks: 2 };
const conditionsOf = (some: Partial<Conditions>): Conditions => ({ ...CALM, ...some });
const conditioned = (job: Job, some: Partial<Conditions>, fabric = ASSUMED_FABRIC) =>
  full(job, circumstancesOf(job, conditionsOf(some), { fabric, order: null }));

/** Eight nodes of two cards, in two pipelines of four stages of two tensor ranks. */
const job = (layout: Partial<Layout> = {}): Job =>
  tinyJob({
    cluster: { devicesPerNode: 2, scaleUpDomain: 2 },
    layout: { tp: 2, pp: 4, dp: 2, ...layout },
    model: { layers: 4 },
    workload: { globalBatch: 16 },
  });

describe('a slow card', () => {
  test('is named as the one whom the others wait for, and costs what the step loses by it', () => {
    for (const card of [0, 5, 11, 15]) {
      const { causes, late, ideal, evaluation } = disturb(
        job(),
        conditionsOf({ slow: [{ what: 'card', index: card, by: ratio(0.5) }] }),
        ASSUMED_FABRIC,
      );
      expect(late[0]).toMatchObject({ rank: card, card, node: Math.floor(card / 2) });
      expect(causes[0]).toEqual({ what: `card ${card} takes 50% longer`, cost: evaluation.step - ideal });
      expect(causes[0]!.cost).toBeGreaterThan(0);
      expect(ideal).toBe(folded(job()).step);
    }
  });
  test('costs the more the slower it is', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.tuple(fc.nat(100), fc.nat(100)), (index, [a, b]) => {
        const step = (by: number): number =>
          conditioned(job(), { slow: [{ what: 'card', index, by: ratio(by / 100) }] }).evaluation.step;
        expect(step(Math.min(a, b))).toBeLessThanOrEqual(step(Math.max(a, b)));
      }),
      { numRuns: 20 },
    );
  });
  test('is worth as much as a whole slow node where all of the node have to wait for it', () => {
    const [card, node] = (['card', 'node'] as const).map(
      (what) =>
        conditioned(job(), { slow: [{ what, index: what === 'card' ? 4 : 2, by: ratio(0.4) }] }).evaluation.step,
    );
    expect(node).toBeGreaterThanOrEqual(card!);
  });
});

describe('links that messages share', () => {
  test.each<Partial<Layout>>([
    { pp: 8, dp: 1 },
    { pp: 8, dp: 1, schedule: 'gpipe' },
    { pp: 4, dp: 1, vp: 2, schedule: 'interleaved' },
    { pp: 1, dp: 8, zero: 1 },
    { tp: 2, pp: 2, dp: 1 },
  ])('change nothing where no two messages ever meet: %j', (layout) => {
    const alone = tinyJob({
      cluster: { devicesPerNode: 2, scaleUpDomain: 2 },
      layout: { tp: 2, ...layout },
      model: { layers: 8 },
      workload: { globalBatch: 8 },
    });
    const shared = conditioned(alone, { network: 'shared' });
    expect(shared.network!.events).toBeGreaterThan(0);
    expect(shared.evaluation.step).toBe(folded(alone).step);
  });
  test('never make a step shorter, carry all that is sent, and are never more than full', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Partial<Layout>>({}, { tp: 1, dp: 4 }, { zero: 3 }, { pp: 2, dp: 4 }),
        fc.constantFrom('ecmp' as const, 'adaptive' as const),
        fc.constantFrom(1, 2, 8),
        (layout, routing, oversubscription) => {
          const one = job(layout);
          const { evaluation, network } = conditioned(
            one,
            { network: 'shared' },
            { ...NARROW, routing, oversubscription },
          );
          expect(evaluation.step).toBeGreaterThanOrEqual(folded(one).step - 1e-9);
          const { use, fabric } = network!;
          let [out, into] = [0, 0];
          for (let card = 0; card < one.devices; card++) {
            out += use.carried[fabric.out(card)]!;
            into += use.carried[fabric.into(card)]!;
          }
          expect(out).toBeGreaterThan(0);
          expect(into).toBeCloseTo(out, 0);
          for (const fullest of use.fullest) expect(fullest).toBeLessThanOrEqual(1 + 1e-6);
        },
      ),
      { numRuns: 20 },
    );
  });
  test('that are dead are gone around, as long as there is a way; without one the job fails with the name of the link', () => {
    const dead = (links: readonly string[]) => () =>
      conditioned(
        job(),
        { network: 'shared', links: links.map((link) => ({ link, left: ratio(0) })) },
        {
          ...NARROW,
          routing: 'ecmp',
        },
      ).evaluation.step;
    expect(dead(['leaf 0 up 1'])()).toBeGreaterThan(0);
    expect(dead(['leaf 0 up 1', 'leaf 0 up 2'])).toThrow('every way from leaf 0');
    expect(dead(['nic 4 out'])).toThrow('nic 4 out is dead');
    expect(dead(['nic 99 out'])).toThrow('there is no link nic 99 out');
  });
  test('that carry less cost time, and are named', () => {
    const { causes, narrow } = disturb(
      job({ zero: 3 }),
      conditionsOf({ network: 'shared', links: [{ link: 'nic 4 out', left: ratio(0.1) }] }),
      ASSUMED_FABRIC,
    );
    expect(causes.find(({ what }) => what === 'nic 4 out carries 10%')?.cost).toBeGreaterThan(0);
    expect(narrow[0]!.link).toBe('nic 4 out');
  });
});

test('jitter is the same for the same seed, and another one for another', () => {
  const noisy = (seed: number): number =>
    conditioned({ ...job(), seed }, { jitter: { compute: ratio(0.05), network: ratio(0.1) } }).evaluation.step;
  expect(noisy(1)).toBe(noisy(1));
  expect(noisy(2)).not.toBe(noisy(1));
});

test('a random placement moves whole nodes, and each to a place of its own', () => {
  fc.assert(
    fc.property(fc.nat(1000), (seed) => {
      const order = randomOrder({ ...job(), seed });
      expect([...order].toSorted((a, b) => a - b)).toEqual([...order.keys()]);
    }),
  );
});

test('every link has a name of its own, and a way leads from each card to each', () => {
  for (const kind of ['rail-optimized', 'fat-tree'] as const)
    for (const routing of ['ecmp', 'adaptive'] as const) {
      const fabric = new Fabric({ ...NARROW, kind, routing, perNode: 4, nodes: 6, leafNodes: 2, seed: 3 });
      const names = Array.from({ length: fabric.links }, (_, link) => fabric.nameOf(link));
      expect(new Set(names).size).toBe(fabric.links);
      for (let from = 0; from < 24; from++)
        for (let to = 0; to < 24; to++) {
          const route = fabric.route(from, to);
          expect(route).toMatchObject([
            fabric.out(from),
            ...(fabric.leafOf(from) === fabric.leafOf(to) ? [] : [{}, {}].map(() => expect.anything())),
            fabric.into(to),
          ]);
        }
    }
});

test('conditions under which nothing is wrong are calm, and any other is not', () => {
  expect(isCalm(CALM)).toBe(true);
  for (const some of [
    { placement: 'random' },
    { slow: [{ what: 'card', index: 0, by: ratio(0.1) }] },
    { links: [{ link: 'nic 0 out', left: ratio(0.5) }] },
    { jitter: { compute: ratio(0.1), network: ratio(0) } },
    { network: 'shared' },
  ] satisfies Partial<Conditions>[])
    expect(isCalm(conditionsOf(some))).toBe(false);
});

test('conditions of what a job does not have are told, and those of what it has are not', () => {
  const one = job();
  const conditions = conditionsOf({
    slow: [
      { what: 'card', index: 16, by: ratio(0.1) },
      { what: 'card', index: 15, by: ratio(0.1) },
      { what: 'node', index: 8, by: ratio(0.1) },
      { what: 'leaf', index: 7, by: ratio(0.1) },
    ],
    links: ['nic 15 in', 'nic 16 in', 'leaf 0 up 2', 'leaf 0 up 3'].map((link) => ({ link, left: ratio(0.5) })),
  });
  expect(strangeConditions(one, conditions, NARROW)).toEqual([
    "conditions.slow.0.card: 16 is not one of the job's, which are 0 to 15",
    "conditions.slow.2.node: 8 is not one of the job's, which are 0 to 7",
    "conditions.links.1.link: nic 16 in is no link of the job's nodes",
    "conditions.links.3.link: leaf 0 up 3 is no link of the job's nodes",
  ]);
});
