/** Laws of the one layout that can be run: which it is, what leaves it open, what forbids it, and whether it has room. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain, jobsOf, matching } from '../../src/plan/explain.ts';
import { crowding } from '../../src/plan/machine-room.ts';
import { onlyJob } from '../../src/plan/only-job.ts';
import { ruleAgainst, rulesAgainst } from '../../src/plan/rules.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { THREAD_MEMORY_MAX } from '../../src/scenario/machine.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { bytes } from '../../src/units/quantity.ts';
import { anyJob } from '../worlds/job-case.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { anyQuestion, tinyScenario } from '../worlds/questions.ts';
import { libraryWith, scenarioOf } from './scenario-fixtures.ts';

const axes = (layout: string): string => `model: tiny-gpt
cluster: local-cpu
devices: 4
workload: {sequence: 64, globalBatch: 16}
layout: ${layout}
precision: fp32
recompute: none
`;
const FIXED = 'tp: 2, pp: 1, dp: 2, microbatch: 4, schedule: 1f1b, sequenceParallel: false';

describe('of a scenario', () => {
  test('there is one job, or as many as match, or a rule under a key', () => {
    fc.assert(
      fc.property(anyQuestion(64), (scenario) => {
        const jobs = jobsOf(scenario, {});
        const only = onlyJob(scenario);
        if (jobs.length === 1) expect(only).toEqual({ kind: 'job', job: jobs[0] });
        else if (jobs.length > 1) expect(only).toMatchObject({ kind: 'several', count: jobs.length });
        else expect(only.kind).toBe('none');
        if (only.kind !== 'job') expect(only.findings.length).toBeGreaterThan(0);
      }),
      { numRuns: 25 },
    );
  });
  test('an axis alone that is open is named with its values, and what is suggested for it closes it', () => {
    const only = onlyJob(scenarioOf(axes(`{${FIXED}}`)));
    if (only.kind !== 'several') throw new Error('zero is open');
    expect(only.findings.map(({ path }) => path)).toEqual(['layout.zero']);
    expect(only.findings[0]!.message).toContain('0, 1, 2, 3');
    const closed = onlyJob(scenarioOf(axes(`{${FIXED}, zero: ${only.findings[0]!.suggestion}}`)));
    expect(closed.kind).toBe('job');
  });
  test('all that is suggested together is a job', () => {
    const only = onlyJob(scenarioOf(axes('{}')));
    if (only.kind !== 'several') throw new Error('everything is open');
    const written = only.findings.map(({ path, suggestion }) => `${path.replace('layout.', '')}: ${suggestion}`);
    expect(onlyJob(scenarioOf(axes(`{${written.join(', ')}}`))).kind).toBe('job');
  });
  test('every rule that is broken is told, and with what is suggested it is kept', () => {
    const wrong = axes(`{tp: 1, pp: 1, dp: 4, ep: 2, microbatch: 1, schedule: gpipe, zero: 0}`);
    const only = onlyJob(scenarioOf(wrong));
    if (only.kind !== 'none') throw new Error('experts and a schedule are not there');
    expect(only.findings.map(({ path, suggestion }) => [path, suggestion])).toEqual([
      ['layout.ep', '1'],
      ['layout.schedule', '1f1b'],
    ]);
    expect(onlyJob(scenarioOf(wrong.replace('ep: 2', 'ep: 1').replace('gpipe', '1f1b'))).kind).not.toBe('none');
  });
  test('what is found out later has the place of its key, or of the nearest above it', () => {
    const parsed = parseScenario({ file: 'run.yaml', text: axes('{tp: 2, zero: 1}') }, libraryWith());
    if (parsed.kind !== 'scenario') throw new Error('nothing is wrong with it');
    const at = (path: string): string => printComplaint(parsed.complaintOf({ path, message: 'm', suggestion: null }));
    expect(at('layout.zero')).toBe('run.yaml:5:23 layout.zero: m');
    expect(at('layout.pp')).toBe('run.yaml:5:9 layout.pp: m');
    expect(at('model.dropout')).toBe('run.yaml:1:8 model.dropout: m');
  });
});

test('there are rules against a job where there is one, and none of them twice', () => {
  fc.assert(
    fc.property(fc.constantFrom(...matching(tinyScenario({ devices: [4] }), {})), (job) => {
      const all = rulesAgainst(job);
      expect(all[0]?.message ?? null).toBe(ruleAgainst(job));
      expect(new Set(all.map(({ path }) => path)).size).toBe(all.length);
    }),
  );
});

test('a job has room on a machine exactly if all that its ranks allocate has', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const stages = explain(job, 'bound').evaluation.stages.map(
        ({ memory: { total, byPurpose } }) => total - byPurpose.framework - byPurpose.allocator,
      );
      const all = (job.devices / stages.length) * stages.reduce((sum, held) => sum + held, 0);
      expect(crowding(job, bytes(all))).toEqual([]);
      expect(crowding(job, bytes(all - 1))).toHaveLength(1);
    }),
    { numRuns: 20 },
  );
});
test('a rank has no more than a thread can address, however large the machine is', () => {
  const job = tinyJob({ model: { hidden: 8192, heads: 64, kvHeads: 64, ffn: 4 * 8192, layers: 8 } });
  const [complaint, ...others] = crowding(job, bytes(2 ** 50));
  expect(others).toEqual([]);
  expect(complaint).toContain('that a thread can have');
  expect(THREAD_MEMORY_MAX).toBeLessThan(2 ** 32);
});
