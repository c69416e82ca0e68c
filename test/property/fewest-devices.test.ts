/** Laws of `plan min-gpus` and of the ladder that it climbs: what is claimed was seen. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchFewest } from '../../src/plan/fewest-devices.ts';
import { climb } from '../../src/plan/ladder.ts';
import { bestOf, tryOut } from '../../src/plan/trial.ts';
import { fewestJson, fewestSchema, fewestText } from '../../src/report/fewest-devices.ts';
import { jsonText } from '../../src/report/json.ts';
import { unpainted } from '../../src/report/paint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { tinyCluster } from '../worlds/jobs.ts';
import { FREE, memoryOf, tinyScenario } from '../worlds/questions.ts';
import { alone, interruptedAfter } from '../worlds/search-options.ts';

const NO_BANDS = { schema: 'angel-sim.bands/1' as const, rows: 0, classes: [] };

/** A ladder of which some rungs hold and some are impossible. */
const climbing = async (holds: readonly boolean[], possible: readonly boolean[], looks = Infinity) => {
  const seen: number[] = [];
  const climbed = await climb({
    least: 1,
    most: holds.length,
    isPossible: (rung) => possible[rung - 1] ?? true,
    look: async (rung) => {
      seen.push(rung);
      return { holds: holds[rung - 1]!, found: rung };
    },
    isInterrupted: () => seen.length >= looks,
  });
  return { ...climbed, seen };
};
const ladders = fc.array(fc.boolean(), { minLength: 1, maxLength: 200 });

describe('a ladder', () => {
  it('is climbed without looking twice, nor at what is impossible', async () => {
    await fc.assert(
      fc.asyncProperty(ladders, ladders, async (holds, possible) => {
        const { seen } = await climbing(holds, possible);
        expect(new Set(seen).size).toBe(seen.length);
        for (const rung of seen) expect(possible[rung - 1] ?? true).toBe(true);
      }),
    );
  });
  it('ends at the least rung that was seen to hold, and names every one below that was neither seen nor impossible', async () => {
    await fc.assert(
      fc.asyncProperty(ladders, ladders, async (holds, possible) => {
        const { seen, first, unseen } = await climbing(holds, possible);
        const holding = seen.filter((rung) => holds[rung - 1]!);
        expect(first?.rung ?? null).toBe(holding.length === 0 ? null : Math.min(...holding));
        if (first === null) return;
        const below = Array.from({ length: first.rung - 1 }, (_, index) => index + 1);
        const missing = below.filter((rung) => !seen.includes(rung) && (possible[rung - 1] ?? true));
        // What is impossible need not have been found out.
        expect(missing.filter((rung) => !unseen.includes(rung))).toEqual([]);
        expect(unseen.filter((rung) => seen.includes(rung) || rung >= first.rung)).toEqual([]);
      }),
    );
  });
  it('on which everything holds from some rung on ends there, in few looks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5_000 }), async (least) => {
        const holds = Array.from({ length: 8_192 }, (_, index) => index + 1 >= least);
        const { first, seen } = await climbing(holds, []);
        expect(first!.rung).toBe(least);
        expect(seen.length).toBeLessThanOrEqual(2 * Math.log2(8_192) + 9);
      }),
    );
  });
  it('is left when interrupted', async () => {
    const { seen } = await climbing(
      Array.from({ length: 100 }, () => false),
      [],
      3,
    );
    expect(seen.length).toBe(3);
  });
});

const small = tinyScenario({
  cluster: { ...tinyCluster, devicesPerNode: 4, scaleUpDomain: 4 },
  layout: { ...FREE, vp: [1], schedule: ['1f1b'], microbatch: [1], sequenceParallel: [false] },
  recompute: [{ kind: 'full', layers: 'all' }],
});
const serves = async (scenario: Scenario, devices: number): Promise<boolean> =>
  bestOf(await tryOut({ ...scenario, devices: [devices] }, alone, 'any')) !== null;

describe('the fewest devices', () => {
  it('are the fewest there are, while no count below them was left out', async () => {
    // From a card that holds everything to one that holds hardly anything.
    for (const memory of [1e9, 6e7, 3e7, 1.2e7, 8e6]) {
      const scenario = memoryOf(small, memory);
      const found = await searchFewest({ scenario, target: null, most: 24 }, alone);
      const counts = [1, 2, 4, 8, 12, 16, 20, 24];
      const serving = await Promise.all(
        counts.map(async (devices) => ((await serves(scenario, devices)) ? [devices] : [])),
      );
      const [least = null] = serving.flat();
      expect(found.fewest?.job.devices ?? null).toBe(least);
      expect(found.untried).toEqual([]);
      for (const { devices, serves: isServing, trial } of found.tried)
        expect({ devices, isServing }).toEqual({ devices, isServing: trial.outcome.kind === 'plan' });
      for (const { devices } of found.tried) expect(devices).toBeGreaterThanOrEqual(found.leastForStates);
      fewestSchema.parse(JSON.parse(jsonText(fewestJson(found, NO_BANDS))));
      expect(fewestText(found, { bands: NO_BANDS, paint: unpainted, sources: false })).toContain('devices');
    }
  });
  it('for a target meet it, and the counts that were tried below do not', async () => {
    const free = await searchFewest({ scenario: small, target: null, most: 16 }, alone);
    const days = free.fewest!.outlook.run!.days / 5;
    const { fewest, tried } = await searchFewest({ scenario: small, target: { days, dollars: null }, most: 16 }, alone);
    expect(fewest!.outlook.run!.days).toBeLessThanOrEqual(days);
    for (const { devices, trial } of tried)
      if (devices < fewest!.job.devices) expect(bestOf(trial)!.outlook.run!.days).toBeGreaterThan(days);
  });
  it('of an interrupted search are said to be so', async () => {
    for (const looks of [0, 1, 2, 5]) {
      const found = await searchFewest({ scenario: small, target: null, most: 16 }, interruptedAfter(looks));
      expect(found.complete).toBe(false);
      expect(fewestJson(found, NO_BANDS).is_least).toBe(false);
    }
  });
});
