/** Laws of the answer that there is no plan: what it says is so, and each of its fixes is one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withOverrides } from '../../src/cli/overrides.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { catalogueClusters, libraryFor } from '../../src/cli/files.ts';
import type { Io } from '../../src/cli/io.ts';
import { enumerate, jobAt } from '../../src/plan/enumerate.ts';
import type { SearchOptions } from '../../src/plan/findings.ts';
import { candidateOf } from '../../src/plan/outlook.ts';
import type { Fix, Infeasible } from '../../src/plan/plan.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { search } from '../../src/plan/search.ts';
import { memoryLimit } from '../../src/plan/task.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { bound } from '../../src/sim/bound.ts';
import { folded } from '../../src/sim/folded.ts';
import type { ProfileCache } from '../../src/sim/cache.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { formatBytes } from '../../src/units/format.ts';
import { bytes } from '../../src/units/quantity.ts';
import { anyQuestion, memoryOf, tinyScenario } from '../worlds/questions.ts';

const io: Io = {
  stdout: { write: () => undefined, isTerminal: false, columns: 80 },
  stderr: { write: () => undefined, isTerminal: false, columns: 80 },
  environment: {},
  folder: packageFile('.'),
  onInterrupt: () => () => undefined,
  halt: () => undefined,
};
const options = (alternatives: SearchOptions['alternatives'] = []): SearchOptions => ({
  pool: null,
  onProgress: () => undefined,
  isInterrupted: () => false,
  alternatives,
});

const refused = async (scenario: Scenario, alternatives: SearchOptions['alternatives'] = []): Promise<Infeasible> => {
  const answer = await search(scenario, options(alternatives));
  if (answer.kind !== 'infeasible') throw new Error(`the question has no plan, got ${answer.kind}`);
  return answer;
};

/** The same without fixes: an interrupt that comes when every layout has its verdict. */
const bindingOnly = async (scenario: Scenario): Promise<Infeasible> => {
  let isDone = false;
  const onProgress: SearchOptions['onProgress'] = ({ done, total }) => (isDone = done === total);
  const answer = await search(scenario, { ...options(), onProgress, isInterrupted: () => isDone });
  if (answer.kind !== 'infeasible') throw new Error(`the question has no plan, got ${answer.kind}`);
  return answer;
};

/** What each legal layout needs at its worst stage. */
const needsOf = (scenario: Scenario): readonly number[] => {
  const cache: ProfileCache = profileCache();
  return [...enumerate(scenario)]
    .map((point) => jobAt(scenario, point))
    .filter((job) => ruleAgainst(job) === null)
    .map((job) => candidateOf(job, bound(job, cache)).outlook.memory.peak);
};

describe('a job that fits no layout', () => {
  test('names the leanest of all, what it needs, where, and how much that is too much', async () => {
    await fc.assert(
      fc.asyncProperty(anyQuestion(300), fc.double({ min: 0.5, max: 0.999, noNaN: true }), async (question, share) => {
        const least = Math.min(...needsOf(question));
        const scenario = memoryOf(question, Math.floor((least * share) / (1 - question.memoryMargin)));
        const { binding } = await bindingOnly(scenario);
        if (binding.job === null || binding.verdict.kind !== 'memory') throw new Error('memory binds');
        const { stages } = folded(binding.job);
        const { stage, peak, limit } = binding.verdict;
        expect(stages[stage]?.memory.total).toBe(peak);
        expect(Math.max(...stages.map(({ memory }) => memory.total))).toBe(peak);
        expect(peak).toBe(least);
        expect(limit).toBe(memoryLimit(scenario));
        expect(binding.text).toContain(`stage ${stage}, ${formatBytes(bytes(peak - limit))} more than`);
      }),
      { numRuns: 12 },
    );
  });

  test('names the rule that forbids most, when every layout breaks one', async () => {
    const layout = { ...tinyScenario().layout, microbatch: [2, 4] };
    const scenario = tinyScenario({ layout, workload: { ...tinyScenario().workload, globalBatch: 7 } });
    const rules = [...enumerate(scenario)].map((point) => ruleAgainst(jobAt(scenario, point)));
    const { binding, counts } = await refused(scenario);
    if (binding.verdict.kind !== 'rule') throw new Error('a rule binds');
    const { rule } = binding.verdict;
    const times = (asked: string | null): number => rules.filter((one) => one === asked).length;
    expect(times(rule)).toBe(Math.max(...rules.map(times)));
    expect(binding.text).toContain(`${times(rule)} of ${counts.considered} layouts`);
    expect(counts.byRule).toBe(counts.considered);
  });

  test('says so of a batch smaller than every grid has data ranks', async () => {
    const layout = { ...tinyScenario().layout, tp: [1], pp: [1] };
    const scenario = tinyScenario({ layout, workload: { ...tinyScenario().workload, globalBatch: 2 } });
    const { binding, fixes } = await refused(scenario);
    expect(binding.text).toContain('leave every data rank a sequence of the batch of 2');
    expect(fixes.map(({ edits }) => edits.map(({ key }) => key).join(' '))).toContain('workload.globalBatch');
  });
});

/** A question as a planner writes it. */
interface Asked {
  readonly name: string;
  readonly text: string;
}
const asked = (name: string, lines: readonly string[]): Asked => ({ name, text: `# ${name}\n${lines.join('\n')}\n` });
const impossible: readonly Asked[] = [
  asked('a trillion parameters on eight cards', [
    'model: megatron-1t',
    'cluster: dgx-a100-80g',
    'devices: 8',
    'workload: {sequence: 2048, globalBatch: 512}',
    // As its authors trained it, so that the search is short.
    'layout: {tp: 8, microbatch: 1, schedule: 1f1b, zero: [0, 1]}',
    'recompute: full',
  ]),
  asked('GPT-3 on one tensor rank and one stage', [
    'model: gpt3-175b',
    'cluster: dgx-a100-80g',
    'devices: 64',
    'workload: {sequence: 2048, globalBatch: 512}',
    'layout: {tp: 1, pp: 1}',
  ]),
  asked('Llama 3.1 405B with a fixed layout that keeps everything', [
    'model: llama-3.1-405b',
    'cluster: h100-sxm',
    'devices: 64',
    'workload: {sequence: 8192, globalBatch: 64}',
    'layout: {tp: 8, pp: 8, microbatch: 4}',
    'recompute: none',
  ]),
  asked('a batch of seven in pairs', [
    'model: gpt3-1.3b',
    'cluster: dgx-a100-80g',
    'devices: 64',
    'workload: {sequence: 2048, globalBatch: 7}',
    'layout: {microbatch: [2, 4]}',
  ]),
  asked('a million tokens a sequence', [
    'model: llama-3-8b',
    'cluster: dgx-a100-80g',
    'devices: 8',
    'workload: {sequence: 1000000, globalBatch: 8}',
    'layout: {schedule: 1f1b, sequenceParallel: true}',
  ]),
  asked('too few stages', [
    'model: llama-3-70b',
    'cluster: dgx-a100-80g',
    'devices: 16',
    'workload: {sequence: 4096, globalBatch: 64}',
    'layout: {tp: 1, pp: 4}',
  ]),
  asked('a format that few cards multiply in', [
    'model: llama-3-70b',
    'cluster: h100-sxm',
    'devices: 8',
    'workload: {sequence: 4096, globalBatch: 64}',
    'layout: {tp: 8, microbatch: 8}',
    'precision: fp8-delayed',
    'recompute: none',
  ]),
];

const parsed = (text: string): Scenario => {
  const result = parseScenario({ file: 'run.yaml', text }, libraryFor(undefined, io));
  if (result.kind !== 'scenario') throw new Error(result.complaints.map(printComplaint).join('\n'));
  return result.scenario;
};
const edited = (text: string, { edits }: Fix): string =>
  withOverrides(
    text,
    edits.map(({ key, value }) => ({ path: key.split('.'), value })),
  );

describe('a fix', () => {
  const clusters = catalogueClusters(io);
  test.each(impossible)('is one of three that, written into the scenario, give a plan: $name', async ({ text }) => {
    const scenario = parsed(text);
    const alternatives = clusters.filter(({ name }) => name !== scenario.cluster.name);
    const { fixes } = await refused(scenario, alternatives);
    expect(fixes).toHaveLength(3);
    for (const [index, fix] of fixes.entries()) {
      const fixed = parsed(edited(text, fix));
      // The outcome is among what the edited scenario allows, is legal, fits and takes as long as it says.
      const jobs = [...enumerate(fixed)].map((point) => JSON.stringify(jobAt(fixed, point)));
      expect(jobs).toContain(JSON.stringify(fix.outcome.job));
      expect(ruleAgainst(fix.outcome.job)).toBeNull();
      expect(fix.outcome).toEqual(candidateOf(fix.outcome.job, folded(fix.outcome.job)));
      expect(fix.outcome.outlook.memory.peak).toBeLessThanOrEqual(memoryLimit(fixed));
      // None asks for all that another one asks for, and more.
      const keys = fix.edits.map(({ key, value }) => `${key}: ${value}`);
      for (const [other, { edits }] of fixes.entries())
        if (other !== index) expect(edits.every(({ key, value }) => keys.includes(`${key}: ${value}`))).toBe(false);
    }
  });

  test('needs all of its edits: without one of them there is no plan', async () => {
    const { text } = impossible[2]!;
    const { fixes } = await refused(parsed(text), []);
    for (const fix of fixes)
      for (const { key } of fix.edits.filter(({ key: name }) => name === 'devices' || name === 'cluster')) {
        const without = { ...fix, edits: fix.edits.filter((edit) => edit.key !== key) };
        expect((await search(parsed(edited(text, without)), options())).kind).toBe('infeasible');
      }
  });

  test('by more devices makes a fixed data axis grow with them', async () => {
    const { fixes } = await refused(
      parsed(`# Two data ranks, and each parameter's states need more than they have.
model: gpt3-13b
cluster: dgx-a100-80g
devices: 2
workload: {sequence: 2048, globalBatch: 64}
layout: {tp: 1, pp: 1, dp: 2}
`),
    );
    const edits = fixes.map((fix) => fix.edits.map(({ key, value }) => `${key}: ${value}`));
    expect(edits).toContainEqual(['devices: 4', 'layout.dp: 4']);
  });

  test('by another card keeps to cards that are as fast in the formats asked about', async () => {
    const scenario = parsed(impossible[6]!.text);
    const { fixes } = await refused(scenario, clusters);
    const peakOf = (cluster: Scenario['cluster']): number => cluster.accelerator.peak.fp8?.value ?? 0;
    const moved = fixes.map(({ outcome }) => outcome.job.cluster);
    for (const cluster of moved) expect(peakOf(cluster)).toBeGreaterThanOrEqual(peakOf(scenario.cluster));
    expect(moved.some(({ name }) => name !== scenario.cluster.name)).toBe(true);
  });
});
