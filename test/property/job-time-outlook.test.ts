/** Laws of the outlook of a run of weeks: its days and dollars follow from its lives, and what is printed is what is meant. */
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { explain, jobsOf } from '../../src/plan/explain.ts';
import type { JobOutlook } from '../../src/plan/job-outlook.ts';
import { jobOutlook } from '../../src/plan/job-outlook.ts';
import { jobTimeSchema } from '../../src/report/job-time-json.ts';
import { planSchema } from '../../src/report/plan-json.ts';
import { crossPredictionSchema } from '../../src/report/cross-prediction.ts';
import { CAUSES } from '../../src/sim/job-time/course.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { RIGHT, scenarioOf } from './scenario-fixtures.ts';

const outlookOf = (reliability: string, text = RIGHT): JobOutlook => {
  const scenario = scenarioOf(`${text}reliability: ${reliability}\n`);
  const outlook = jobOutlook(explain(jobsOf(scenario, {})[0]!, 'folded', profileCache()), scenario.reliability);
  if (outlook === null) throw new Error('the scenario names no tokens');
  return outlook;
};
const NOTHING = '{card: 0, node: 0, fabric: 0, software: 0}';

describe('the outlook of a job', () => {
  it('without failures is that of its plan, with a checkpoint where one was asked for', () => {
    const { candidate, wall, useful, goodput, mtbf, checkpoint, dollars } = outlookOf(
      `{failures: ${NOTHING}, spares: 0, seeds: 3}`,
    );
    const run = candidate.outlook.run!;
    expect(mtbf).toBeNull();
    expect(wall.p10).toBe(wall.p90);
    expect(wall.p50).toBeCloseTo(run.time, 2);
    expect(useful).toBeCloseTo(run.time, 6);
    expect(goodput.p50).toBe(1);
    expect(checkpoint.steps).toBe(run.steps);
    expect(dollars!.p50.low / run.dollars!.low).toBeCloseTo(1, 6);
  });

  it('adds up: useful time and all that was lost is the mean wall time, within what chance leaves', () => {
    const { useful, lost, wall } = outlookOf('{}');
    const mean = useful + CAUSES.reduce((sum, cause) => sum + lost[cause], 0);
    expect(mean).toBeGreaterThan(wall.p10);
    expect(mean).toBeLessThan(wall.p90);
  });

  it('orders its percentiles, and pays for job and spares as long as the run takes', () => {
    const { wall, goodput, effective, dollars, candidate } = outlookOf('{spares: 2}');
    for (const { p10, p50, p90 } of [wall, goodput, effective])
      expect([p10, p50, p90]).toEqual([p10, p50, p90].toSorted((a, b) => a - b));
    const low = candidate.job.cluster.price[0]!;
    const hourly = low.kind === 'owned' ? 0 : low.hourly.low;
    expect(dollars!.p90.low).toBeCloseTo(((64 + 2 * 8) * wall.p90 * hourly) / 3600, 4);
  });

  it('counts slow steps of a job that shrinks as training that counted, though not as goodput', () => {
    const { effective, goodput, lost } = outlookOf('{spares: 0, withoutSpare: shrink, failures: {node: 60}}');
    expect(lost.shrunk).toBeGreaterThan(0);
    expect(effective.p50).toBeGreaterThan(goodput.p50);
  });

  it("takes the interval that is given, and otherwise one near Young's where saving blocks", () => {
    const given = outlookOf('{checkpoint: {every: 30min}}').checkpoint;
    expect(given.isChosen).toBe(false);
    expect(Math.abs(given.every - 1800)).toBeLessThan(outlookOf('{seeds: 1}').candidate.evaluation.step);
    const { every, young, daly, isChosen } = outlookOf('{checkpoint: {kind: sync}, failures: {node: 60}}').checkpoint;
    expect(isChosen).toBe(true);
    expect(outlookOf('{checkpoint: {kind: sync, every: 1h, size: 288GB}}').checkpoint.storageBusy).toBeCloseTo(0.01, 3);
    expect(every / young!).toBeGreaterThan(0.5);
    expect(every / young!).toBeLessThan(2);
    expect(daly! / young!).toBeCloseTo(1, 0);
  });

  it('says so where no run comes to its end', () => {
    const { unfinished, seeds } = outlookOf(
      '{failures: {software: 1000000}, restart: 20min, seeds: 2, checkpoint: {every: 1h}}',
    );
    expect(unfinished).toBe(seeds);
  });
});

const run = async (...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    stdout: { write: (text) => void out.push(text), isTerminal: false, columns: 100 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 100 },
    environment: {},
    folder: packageFile(''),
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  });
  return { code, out: out.join(''), err: err.join('') };
};
const FIXED =
  'scenarios/runs/gpt-13b-on-64-a100.yaml --tp 2 --pp 2 --cp 1 --zero 1 --microbatch 1 --schedule 1f1b --workers 1'.split(
    ' ',
  );

describe('angel-sim job', () => {
  it('prints the same bytes twice, and JSON that obeys its schema and says what the text says', async () => {
    const [text, again, json] = [
      await run('job', ...FIXED),
      await run('job', ...FIXED),
      await run('job', ...FIXED, '--json'),
    ];
    expect({ code: text.code, err: text.err }).toEqual({ code: 0, err: '' });
    expect(again.out).toBe(text.out);
    expect(text.out.split('\n').every((line) => line.length <= 100)).toBe(true);
    const answer = jobTimeSchema.parse(JSON.parse(json.out));
    expect(text.out).toContain(`${(answer.wall_s!.p50 / 86_400).toFixed(1)} days (`);
    expect(answer.seeds).toBe(100);
    expect(answer.figures.every(({ source }) => source.length > 5)).toBe(true);
  });

  it('prints a table of losses of which the columns add up', async () => {
    const { out } = await run('job', ...FIXED);
    const rows = out.slice(out.indexOf('where it goes')).split('\n\n')[0]!.split('\n').slice(1);
    const numbers = rows.map((row) => Number(/(\d+\.\d{3})/u.exec(row)![1]));
    const whole = numbers.pop()!;
    expect(rows.at(-1)).toContain('wall time');
    expect(numbers.reduce((sum, days) => sum + days, 0)).toBeCloseTo(whole, 9);
  });

  it('lists its figures with --sources, and has the last word on a key with --set', async () => {
    const { out } = await run('job', ...FIXED, '--sources', '--set', 'reliability.checkpoint.every=30min');
    expect(out).toContain('reliability.failures.node');
    expect(out).toContain('Kokolis et al. 2024');
    expect(out).toMatch(/every 30\.0 min \(\d+ steps, as given\)/u);
  });

  it('wants to know how many tokens there are, and what nobody could train it says as plan does', async () => {
    const endless = await run(
      'job',
      '--model',
      'gpt-13b',
      '--cluster',
      'dgx-a100-80g',
      '--devices',
      '64',
      '--seq',
      '2048',
      '--gbs',
      '512',
    );
    expect(endless.code).toBe(4);
    expect(endless.err).toContain('workload.tokens is missing');
    const none = await run('job', ...FIXED, '--set', 'cluster.accelerator.memory=16GiB');
    expect({ code: none.code, out: none.out }).toEqual({ code: 3, out: '' });
    expect(none.err).toContain('No plan: memory');
  });

  it('ends with the code of what cannot be where no run comes to its end', async () => {
    const { code, out } = await run(
      'job',
      ...FIXED,
      '--set',
      'reliability={failures: {software: 1000000}, restart: 20min, seeds: 2}',
    );
    expect(code).toBe(3);
    expect(out).toContain('it does not end');
  });
});

describe('angel-sim plan', () => {
  it('says how the run goes with failures as job does, where the scenario names its reliability, and not otherwise', async () => {
    const asked = ['--set', 'reliability.spares=2'];
    const [plain, text, json, alone] = [
      await run('plan', ...FIXED),
      await run('plan', ...FIXED, ...asked),
      await run('plan', ...FIXED, ...asked, '--json'),
      await run('job', ...FIXED, ...asked, '--json'),
    ];
    expect(plain.out).not.toContain('with failures and checkpoints');
    expect(text.out).toContain('with failures and checkpoints');
    expect(text.out).toMatch(/^interrupted /mu);
    const answer = planSchema.parse(JSON.parse(json.out));
    const { wall_s: wall, dollars, lost_s: lost } = jobTimeSchema.parse(JSON.parse(alone.out));
    expect(answer).toMatchObject({ outcome: 'plan', job_time: { wall_s: wall, dollars, lost_s: lost } });
    expect(planSchema.parse(JSON.parse((await run('plan', ...FIXED, '--json')).out))).not.toHaveProperty('job_time');
  });
});

describe('angel-sim validate --reliability', () => {
  it('prints every prediction with its error, as text and as JSON that obeys its schema', async () => {
    const [text, json] = [await run('validate', '--reliability'), await run('validate', '--reliability', '--json')];
    expect(text.code).toBe(0);
    const { rows } = crossPredictionSchema.parse(JSON.parse(json.out));
    expect(rows.length).toBeGreaterThan(20);
    for (const { what } of rows) expect(text.out).toContain(what);
    expect(text.out.split('\n').every((line) => line.length <= 100)).toBe(true);
  });
  it('refuses rows, which it does not read', async () => {
    const { code, err } = await run('validate', 'rows.jsonl', '--reliability');
    expect(code).toBe(2);
    expect(err).toContain('rows.jsonl says nothing there');
  });
});
