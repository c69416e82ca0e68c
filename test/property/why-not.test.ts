/** Laws of `plan --why-not`: every layout that matches has one verdict, and it is the true one. */
import { describe, expect, it } from 'vitest';
import { enumerate, jobAt } from '../../src/plan/enumerate.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { memoryLimit } from '../../src/plan/task.ts';
import type { WhyNotOptions } from '../../src/plan/why-not.ts';
import { searchWhyNot } from '../../src/plan/why-not.ts';
import { jsonText } from '../../src/report/json.ts';
import { unpainted } from '../../src/report/paint.ts';
import { whyNotJson, whyNotSchema, whyNotText } from '../../src/report/why-not.ts';
import { folded } from '../../src/sim/folded.ts';
import { candidateOf } from '../../src/plan/outlook.ts';
import { FREE, memoryOf, tinyScenario } from '../worlds/questions.ts';
import { alone, interruptedAfter } from '../worlds/search-options.ts';

const pause = async (): Promise<void> => undefined;
const options: WhyNotOptions = { ...alone, pause };
const scenario = tinyScenario({
  layout: { ...FREE, tp: [1, 2, 4], vp: [1], schedule: ['1f1b', 'gpipe'], microbatch: [1, 3, 16] },
});

describe('why not', () => {
  it('counts every layout that matches once', async () => {
    for (const [memory, tp] of [
      [1e9, 2],
      [4e7, 1],
      [1e6, 4],
    ] as const) {
      const question = memoryOf(scenario, memory);
      const found = await searchWhyNot(question, { tp: String(tp) }, options);
      const jobs = [...enumerate({ ...question, layout: { ...question.layout, tp: [tp] } })].map((point) =>
        jobAt(question, point),
      );
      const illegal = jobs.filter((job) => ruleAgainst(job) !== null);
      expect(found.matching).toBe(jobs.length);
      expect(found.byRule).toBe(illegal.length);
      expect(found.rules.reduce((sum, [, count]) => sum + count, 0)).toBe(illegal.length);
      expect(found.byRule + found.byMemory + found.byBound + found.simulated + found.unseen).toBe(jobs.length);
      whyNotSchema.parse(JSON.parse(jsonText(whyNotJson(found))));
      expect(whyNotText(found, unpainted)).toContain(`tp=${tp}`);
    }
  });
  it('names the fastest of them, and what it loses to the winner is the term that grew most', async () => {
    const found = await searchWhyNot(scenario, { tp: '4', pp: '2' }, options);
    const legal = [...enumerate({ ...scenario, layout: { ...scenario.layout, tp: [4], pp: [2] } })]
      .map((point) => jobAt(scenario, point))
      .filter((job) => ruleAgainst(job) === null)
      .map((job) => candidateOf(job, folded(job)))
      .filter(({ outlook }) => outlook.memory.peak <= memoryLimit(scenario));
    const fastest = Math.min(...legal.map(({ evaluation }) => evaluation.step));
    const [best] = found.rivals;
    expect(best!.candidate.evaluation.step).toBe(fastest);
    expect(found.winner!.evaluation.step).toBeLessThanOrEqual(fastest);
    expect(best!.loses!.by).toBeGreaterThan(0);
  });
  it('knows the winner when it matches', async () => {
    const { winner } = await searchWhyNot(scenario, { tp: '2' }, options);
    const { tp, pp } = winner!.job.layout;
    expect((await searchWhyNot(scenario, { tp: String(tp), pp: String(pp) }, options)).isWinner).toBe(true);
    const other = tp === 4 ? 2 : 4;
    expect((await searchWhyNot(scenario, { tp: String(other) }, options)).isWinner).toBe(false);
  });
  it('says by how much the nearest is too large', async () => {
    const question = memoryOf(scenario, 1e6);
    const { nearest, winner, byMemory } = await searchWhyNot(question, { tp: '1' }, options);
    expect(winner).toBeNull();
    expect(byMemory).toBeGreaterThan(0);
    expect(nearest!.over).toBe(nearest!.peak - memoryLimit(question));
  });
  it('counts as unseen what an interrupt kept from it', async () => {
    for (const looks of [0, 3, 20]) {
      const found = await searchWhyNot(scenario, { tp: '2' }, { ...interruptedAfter(looks), pause });
      expect(found.complete).toBe(false);
      expect(found.byRule + found.byMemory + found.byBound + found.simulated + found.unseen).toBe(found.matching);
    }
  });
});
