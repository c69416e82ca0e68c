/** Laws of the search: no shortcut ever changes the answer, and neither does who does the work. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enumerate, jobAt } from '../../src/plan/enumerate.ts';
import type { SearchOptions } from '../../src/plan/findings.ts';
import { FASTEST, incumbentOf, SLOWEST } from '../../src/plan/front.ts';
import { candidateOf } from '../../src/plan/outlook.ts';
import type { Candidate, Plan, SearchCounts } from '../../src/plan/plan.ts';
import type { Progress } from '../../src/plan/progress.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { search } from '../../src/plan/search.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { folded } from '../../src/sim/folded.ts';
import type { ProfileCache } from '../../src/sim/cache.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { figure, tinyCluster, tinyModel } from '../worlds/jobs.ts';
import { anyQuestion, FREE, memoryOf, shuffledPool, tinyScenario } from '../worlds/questions.ts';

const alone: SearchOptions = {
  pool: null,
  onProgress: () => undefined,
  isInterrupted: () => false,
  alternatives: [],
};

/** Every legal layout, simulated: the search without a shortcut. */
const simulateAll = (scenario: Scenario): readonly Candidate[] => {
  const cache: ProfileCache = profileCache();
  return [...enumerate(scenario)]
    .map((point) => jobAt(scenario, point))
    .filter((job) => ruleAgainst(job) === null)
    .map((job) => candidateOf(job, folded(job, cache)));
};

/** The scenario on a card of which the limit lies at that quantile of what the layouts need, and those that fit it. */
const squeezed = (scenario: Scenario, share: number): { scenario: Scenario; fitting: readonly Candidate[] } => {
  const all = simulateAll(scenario);
  const needs = all.map(({ outlook }) => outlook.memory.peak).toSorted((a, b) => a - b);
  const limit = needs[Math.min(needs.length - 1, Math.floor(share * needs.length))]!;
  const small = memoryOf(scenario, Math.ceil((limit + 1) / (1 - scenario.memoryMargin)));
  const fitting = all.filter(({ outlook }) => outlook.memory.peak <= limit);
  return { scenario: small, fitting: fitting.map(({ job, evaluation }) => resized(small, { job, evaluation })) };
};
const resized = ({ cluster }: Scenario, { job, evaluation }: Pick<Candidate, 'job' | 'evaluation'>): Candidate =>
  candidateOf({ ...job, cluster }, evaluation);

type Worth = readonly [step: number, price: number, headroom: number, devices: number];
const worthOf = (candidate: Candidate): Worth => {
  const { step, price, headroom, devices } = incumbentOf(candidate);
  return [step, price, headroom, devices];
};
const beats = ([step, price, headroom, devices]: Worth, [itsStep, itsPrice, itsHeadroom, itsDevices]: Worth): boolean =>
  step <= itsStep &&
  price <= itsPrice &&
  headroom >= itsHeadroom &&
  devices <= itsDevices &&
  (step < itsStep || price < itsPrice || headroom > itsHeadroom || devices < itsDevices);
/** As good as the other within 3% of its time and price; what is much slower than the winner is nobody's to cover. */
const covers = ([step, price, headroom]: Worth, [itsStep, itsPrice, itsHeadroom]: Worth): boolean =>
  step <= 1.03 * itsStep && price <= 1.03 * itsPrice && headroom >= itsHeadroom;
const inOrder = ([a, , memoryA]: Worth, [b, , memoryB]: Worth): number => a - b || memoryB - memoryA;
const distinct = (worths: readonly Worth[]): readonly Worth[] =>
  [...new Map(worths.map((worth) => [worth.join(' '), worth])).values()].toSorted(inOrder);

const questions = anyQuestion(500);

/** Found at random: a tied table outweighs all else, and reductions that have ended must not count for its peak. */
const tied = tinyScenario({
  model: { ...tinyModel, layers: 2, vocabulary: 32_000, tied: true },
  cluster: { ...tinyCluster, scaleUpDomain: 1, devicesPerNode: 1 },
  devices: [8, 12],
  workload: { kind: 'pretrain', sequence: 96, globalBatch: 16, tokens: 1e9 },
  layout: { ...FREE, pp: [2], sequenceParallel: [false] },
  precision: ['fp32', 'bf16'],
});
/** Found at random: on a slow network three layouts stand out, and the rest of the fastest come late in the sketches' order. */
const uneven = tinyScenario({
  model: { ...tinyModel, layers: 6, kvHeads: 2 },
  cluster: { ...tinyCluster, scaleUpDomain: 4, devicesPerNode: 4, nic: { ...tinyCluster.nic, latency: figure(1e-3) } },
  devices: [1, 16],
  workload: { kind: 'pretrain', sequence: 96, globalBatch: 3, tokens: 1e9 },
  layout: { ...FREE, schedule: ['gpipe', '1f1b'], zero: [0] },
});
const shares = fc.double({ min: 0.05, max: 1.2, noNaN: true });
const verdicts = ({ byRule, byMemory, byBound, simulated }: SearchCounts): number =>
  byRule + byMemory + byBound + simulated;

const planned = async (scenario: Scenario, options: SearchOptions = alone): Promise<Plan> => {
  const answer = await search(scenario, options);
  if (answer.kind !== 'plan') throw new Error(`the question has a plan, got ${answer.kind}`);
  return answer;
};

describe('a search', () => {
  test('finds the winner, the fastest and the front that simulating every layout finds', async () => {
    await fc.assert(
      fc.asyncProperty(questions, shares, async (question, share) => {
        const { scenario, fitting } = squeezed(question, share);
        const plan = await planned(scenario);
        const worths = fitting.map(worthOf).toSorted(inOrder);
        const [best] = worths;
        expect(worthOf(plan.winner)).toEqual(best);
        const fastest = [plan.winner, ...plan.runnersUp].map(({ evaluation }) => evaluation.step);
        expect(fastest).toEqual(worths.slice(0, FASTEST).map(([step]) => step));
        const fastestOf = (cards: number): number => worths.find(([, , , devices]) => devices === cards)![0];
        const near = worths.filter(([step, , , devices]) => step <= SLOWEST * fastestOf(devices));
        const front = near.filter((worth) => !near.some((other) => beats(other, worth)));
        expect(plan.front.map(worthOf)).toEqual(distinct(front));
        expect(plan.complete).toBe(true);
      }),
      {
        numRuns: 50,
        examples: [
          [tied, 0.05],
          [uneven, 1],
        ],
      },
    );
  });

  test('through everything that is legal finds the winner that simulating every layout finds', async () => {
    for (const [devices, share] of [
      [2, 0.3],
      [4, 0.6],
    ] as const) {
      const model = { ...tinyModel, layers: 2, kvHeads: 2, vocabulary: 2000 };
      const workload = { kind: 'pretrain', sequence: 128, globalBatch: 4, tokens: 1e9 } as const;
      const asked = tinyScenario({ model, devices: [devices], workload, search: 'whole' });
      const { scenario, fitting } = squeezed(asked, share);
      const plan = await planned(scenario);
      expect(plan.winner.evaluation.step).toBe(Math.min(...fitting.map(({ evaluation }) => evaluation.step)));
      // Within three hundredths of its time nothing on the front is beaten by more than it has itself.
      const slowest = SLOWEST * plan.winner.evaluation.step;
      for (const other of fitting.map(worthOf).filter(([step]) => step <= slowest))
        expect(plan.front.some((one) => covers(worthOf(one), other))).toBe(true);
    }
  });

  test('gives every layout exactly one verdict', async () => {
    await fc.assert(
      fc.asyncProperty(questions, shares, async (question, share) => {
        const { scenario, fitting } = squeezed(question, share);
        const { counts } = await search(scenario, alone);
        const points = [...enumerate(scenario)];
        const legal = points.filter((point) => ruleAgainst(jobAt(scenario, point)) === null);
        expect(counts.considered).toBe(points.length);
        expect(verdicts(counts)).toBe(points.length);
        expect(counts.byRule).toBe(points.length - legal.length);
        // One of those that do not fit may be too slow as well, and then either verdict is right.
        expect(counts.byMemory).toBeLessThanOrEqual(legal.length - fitting.length);
        expect(counts.simulated).toBeLessThanOrEqual(fitting.length);
      }),
      { numRuns: 30 },
    );
  });

  test('considers no layout twice', () => {
    fc.assert(
      fc.property(questions, (scenario) => {
        const seen = [...enumerate(scenario)].map((point) => JSON.stringify(point));
        expect(new Set(seen).size).toBe(seen.length);
      }),
      { numRuns: 100 },
    );
  });

  test('gives the same answer whoever does the work, in whichever order it is done', async () => {
    await fc.assert(
      fc.asyncProperty(
        questions,
        shares,
        fc.constantFrom(1, 2, 3),
        fc.infiniteStream(fc.nat()),
        async (question, share, size, numbers) => {
          const { scenario } = squeezed(question, share);
          const pool = shuffledPool(size, (count) => Number(numbers.next().value) % count);
          const [one, many] = [await search(scenario, alone), await search(scenario, { ...alone, pool })];
          expect(JSON.stringify(many)).toBe(JSON.stringify(one));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('says of its progress what is true, never goes back, and ends where it ends', async () => {
    await fc.assert(
      fc.asyncProperty(questions, shares, async (question, share) => {
        const { scenario } = squeezed(question, share);
        const states: Progress[] = [];
        const answer = await search(scenario, { ...alone, onProgress: (state) => void states.push(state) });
        for (const [index, { done, total }] of states.entries()) {
          expect(total).toBe(answer.counts.considered);
          expect(done).toBeLessThanOrEqual(total);
          expect(done).toBeGreaterThanOrEqual(states[index - 1]?.done ?? 0);
        }
        const last = states.at(-1);
        expect(last?.done).toBe(answer.counts.considered);
        expect(last?.best?.step ?? null).toBe(answer.kind === 'plan' ? answer.winner.evaluation.step : null);
      }),
      { numRuns: 30 },
    );
  });
});

describe('an interrupted search', () => {
  const interruptedAfter = async (scenario: Scenario, tasks: number) => {
    let done = 0;
    const shuffled = shuffledPool(1, () => 0);
    const pool = { size: 1, run: async (...task: Parameters<typeof shuffled.run>) => (done++, shuffled.run(...task)) };
    return search(scenario, { ...alone, pool, isInterrupted: () => done >= tasks });
  };

  test('answers with the best of what it has seen, or says that it has seen nothing', async () => {
    await fc.assert(
      fc.asyncProperty(questions, shares, fc.nat(8), async (question, share, tasks) => {
        const { scenario, fitting } = squeezed(question, share);
        const answer = await interruptedAfter(scenario, tasks);
        const seen = verdicts(answer.counts);
        expect(seen).toBeLessThanOrEqual(answer.counts.considered);
        const isComplete = seen === answer.counts.considered;
        if (answer.kind === 'unfinished') expect(isComplete).toBe(false);
        if (answer.kind === 'infeasible') expect({ isComplete, fitting }).toEqual({ isComplete: true, fitting: [] });
        if (answer.kind !== 'plan') return;
        expect(answer.complete).toBe(isComplete);
        expect(answer.counts.simulated).toBeGreaterThan(0);
        // The winner is one of those that fit, with its own time.
        const same = fitting.find(({ job }) => JSON.stringify(job) === JSON.stringify(answer.winner.job));
        expect(answer.winner.evaluation.step).toBe(same?.evaluation.step);
      }),
      { numRuns: 60 },
    );
  });

  test('never claims that there is no plan where there is one', async () => {
    const scenario = tinyScenario();
    const whole = await planned(scenario);
    const answers = await Promise.all([0, 1, 2, 3, 4].map((tasks) => interruptedAfter(scenario, tasks)));
    // One task looks over the first grids, the next simulates the best few of them; what has begun is finished.
    expect(answers.map(({ kind }) => kind)).toEqual(['unfinished', 'plan', 'plan', 'plan', 'plan']);
    for (const answer of answers)
      if (answer.kind === 'plan') {
        expect(answer.complete).toBe(false);
        expect(answer.winner.evaluation.step).toBeGreaterThanOrEqual(whole.winner.evaluation.step);
      }
  });
});
