/** Laws of targets: what is chosen meets them, and nothing that meets them is cheaper, or faster. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireTarget, targetOf } from '../../src/cli/target.ts';
import type { Candidate } from '../../src/plan/plan.ts';
import type { Target } from '../../src/plan/target.ts';
import { chooseFor, meets, missesOf, searchTarget } from '../../src/plan/target.ts';
import { bestOf } from '../../src/plan/trial.ts';
import type { Dollars } from '../../src/units/quantity.ts';
import { FREE, tinyScenario } from '../worlds/questions.ts';
import { alone, interruptedAfter } from '../worlds/search-options.ts';

const scenario = tinyScenario({
  devices: [8, 1, 4, 2],
  layout: { ...FREE, vp: [1], schedule: ['1f1b'], zero: [0, 1], microbatch: [1, 2] },
});
const { trials, chosen: cheapest } = await searchTarget(scenario, { days: 1e9, dollars: null }, alone);
const candidates: readonly Candidate[] = trials.flatMap((trial) => bestOf(trial) ?? []);
const runOf = ({ outlook: { run } }: Candidate): NonNullable<Candidate['outlook']['run']> => run!;
const billOf = (candidate: Candidate): number => runOf(candidate).dollars!.high;

/** Targets around what the candidates take: some are met by all, some by none. */
const factors = fc.double({ min: 0.3, max: 3, noNaN: true });

describe('a target', () => {
  it('of days is met by the cheapest that meets it, and of equally cheap ones by the fewest cards', () => {
    expect(candidates.map(({ job }) => job.devices)).toEqual([1, 2, 4, 8]);
    expect(billOf(cheapest!)).toBe(Math.min(...candidates.map(billOf)));
    fc.assert(
      fc.property(fc.constantFrom(...candidates), factors, (near, factor) => {
        const target: Target = { days: runOf(near).days * factor, dollars: null };
        const { chosen, isMet } = chooseFor(target, candidates);
        const meeting = candidates.filter((candidate) => runOf(candidate).days <= target.days!);
        expect(isMet).toBe(meeting.length > 0);
        if (!isMet) return;
        expect(runOf(chosen!).days).toBeLessThanOrEqual(target.days!);
        for (const other of meeting) expect(billOf(chosen!)).toBeLessThanOrEqual(billOf(other) * (1 + 1e-12));
      }),
      { numRuns: 200 },
    );
  });
  it('of dollars is held against the high end of the price, and met by the fastest', () => {
    fc.assert(
      fc.property(fc.constantFrom(...candidates), factors, (near, factor) => {
        const limit = billOf(near) * factor;
        const { chosen, isMet } = chooseFor({ days: null, dollars: limit as Dollars }, candidates);
        const meeting = candidates.filter((candidate) => billOf(candidate) <= limit);
        expect(isMet).toBe(meeting.length > 0);
        if (isMet) expect(runOf(chosen!).days).toBe(Math.min(...meeting.map((candidate) => runOf(candidate).days)));
      }),
      { numRuns: 200 },
    );
  });
  it('that nothing meets is answered with what misses it least, and by how much', () => {
    const target: Target = { days: Math.min(...candidates.map((one) => runOf(one).days)) / 2, dollars: null };
    const { chosen, isMet } = chooseFor(target, candidates);
    expect(isMet).toBe(false);
    const [miss] = missesOf(chosen!, target);
    expect(miss!.excess).toBe(runOf(chosen!).days - target.days!);
    for (const other of candidates) expect(runOf(chosen!).days).toBeLessThanOrEqual(runOf(other).days);
  });
  it('of both is met only by what meets each', () => {
    const [slow, fast] = [candidates[0]!, candidates.at(-1)!];
    const target: Target = { days: runOf(slow).days, dollars: billOf(fast) as Dollars };
    const { chosen, isMet } = chooseFor(target, candidates);
    expect(isMet).toBe(candidates.some((candidate) => meets(candidate, target)));
    expect(meets(chosen!, target)).toBe(isMet);
  });
  it('of an interrupted search is answered from what was found, and said to be incomplete', async () => {
    const { trials: found, complete } = await searchTarget(scenario, { days: 1, dollars: null }, interruptedAfter(4));
    expect(complete).toBe(false);
    expect(found.length).toBeLessThan(4);
  });
});

describe('--target', () => {
  it.each([
    [['days=30'], { days: 30, dollars: null }],
    [['usd=5M'], { days: null, dollars: 5e6 }],
    [['days=1.5', 'usd=$840K'], { days: 1.5, dollars: 840_000 }],
  ])('%j is read', (texts, target) => expect(targetOf(texts)).toEqual(target));
  it.each([[['days']], [['days=']], [['days=0']], [['days=-1']], [['weeks=2']], [['usd=5m']], [['days=1', 'days=2']]])(
    '%j is refused',
    (texts) => expect(() => targetOf(texts)).toThrow(/--target/u),
  );
  it('of dollars wants a price, and any wants a number of tokens: what is missing is named', () => {
    const usd = targetOf(['usd=5M']);
    const unpriced = { ...scenario, cluster: { ...scenario.cluster, price: [] } };
    expect(() => requireTarget(unpriced, usd)).toThrow(/cluster\.price is missing/u);
    expect(() => requireTarget(unpriced, targetOf(['days=3']))).not.toThrow();
    const endless = { ...scenario, workload: { ...scenario.workload, tokens: null } };
    expect(() => requireTarget(endless, targetOf(['days=3']))).toThrow(/workload\.tokens is missing/u);
    expect(() => requireTarget(scenario, usd)).not.toThrow();
  });
});
