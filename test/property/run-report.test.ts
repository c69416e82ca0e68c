/** Laws of what is said of a real run: while it trains, and when it has ended. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROGRESS } from '../../src/actors/progress.ts';
import type { Phase, Phases } from '../../src/effects/phase.ts';
import { PHASES, phaseOf } from '../../src/effects/phase.ts';
import { Timesheet } from '../../src/exec/timesheet.ts';
import { divergenceWatch, LEFT_OUT_MAX } from '../../src/exec/training/divergence.ts';
import type { Observation } from '../../src/exec/training/observation.ts';
import { gradientFactorOf } from '../../src/exec/training/observation.ts';
import type { StepRow } from '../../src/report/loss-csv.ts';
import { unpainted } from '../../src/report/paint.ts';
import { runJson, runSchema } from '../../src/report/run-json.ts';
import { logText } from '../../src/report/run-lines.ts';
import { RunWatch } from '../../src/report/run-progress.ts';
import type { RunSummary } from '../../src/report/run-text.ts';
import { runText } from '../../src/report/run-text.ts';
import { rank } from '../../src/units/identity.ts';
import { bytes, instant, seconds } from '../../src/units/quantity.ts';
import { totalRecord } from '../../src/units/total-record.ts';
import { tinyJob } from '../worlds/jobs.ts';

const job = tinyJob({ layout: { dp: 2 }, workload: { globalBatch: 4 } });
const phasesWith = (some: Partial<Record<Phase, number>>): Phases =>
  totalRecord(PHASES, (phase) => seconds(some[phase] ?? 0));
const spending = (some: Partial<Record<Phase, number>>, peak = 1) => ({
  phases: phasesWith(some),
  memory: { held: bytes(peak), peak: bytes(peak) },
});

const rowAt = (step: number, more: Partial<StepRow> = {}): StepRow => ({
  step,
  tokens: step * 1024,
  loss: 6 - step / 100,
  learningRate: 1e-3,
  gradientNorm: 0.5,
  gradientFactor: 1,
  time: seconds(0.5),
  tokensPerSecond: 2048,
  validationLoss: null,
  ...more,
});
const rows = Array.from({ length: 90 }, (_, index) => rowAt(index + 1, index === 59 ? { validationLoss: 2.7 } : {}));
const summary: RunSummary = {
  title: 'A run',
  job,
  parameters: 12_345,
  backend: 'wasm',
  isComplete: true,
  first: 61,
  last: 90,
  elapsed: seconds(3.07),
  rows,
  recoveries: 0,
  ranks: [{ allocated: bytes(3 * 2 ** 20), held: bytes(4 * 2 ** 20), phases: phasesWith({ matrix: 3, waiting: 1 }) }],
  folder: '/runs/a',
  files: ['/runs/a/loss.csv', '/runs/a/loss.svg'],
  checkpoints: null,
};
/** The words of a label, on one line. */
const saidOf = (label: string, of: RunSummary): string =>
  new RegExp(`^${label} +(?<words>[^\\n]*(?:\\n {8,}[^\\n]+)*)`, 'mu')
    .exec(runText(of, unpainted))
    ?.groups!['words']!.replaceAll(/\s+/gu, ' ') ?? '';

describe('a run that went on behind step 60', () => {
  it('says how long its own steps took, and which they are', () => {
    expect(saidOf('run', summary)).toBe('steps 61 to 90 in 3.07 s; 92,160 tokens since step 1');
    expect(saidOf('run', { ...summary, isComplete: false, last: 64, rows: rows.slice(0, 64) })).toContain(
      'steps 61 to 64 in 3.07 s, stopped behind step 64 of',
    );
  });
  it('names the step of every loss, the first of which is its own', () => {
    expect(saidOf('loss', summary)).toBe(
      '5.3900 at step 61 to 5.1000 at step 90; validation 2.7000 at step 60 (nats a token)',
    );
  });
  it('says the same to programs, by the schema that is shipped', () => {
    const said = runSchema.parse(JSON.parse(JSON.stringify(runJson(summary))));
    expect(said).toMatchObject({
      first_step: 61,
      first_loss: rows[60]!.loss,
      loss: rows[89]!.loss,
      validation: { step: 60, loss: 2.7 },
      tokens: 92_160,
      parameters: 12_345,
      files: summary.files,
      step_seconds: 0.5,
      left_out: 0,
    });
    expect(said.layout.dp).toBe(2);
    expect(said.tokens_per_s).toBe((4 * job.workload.sequence) / 0.5);
    expect(said.ranks[0]!.seconds).toMatchObject({ matrix: 3, waiting: 1, messages: 0 });
  });
});

describe('the summary of a run', () => {
  it('splits all the time of its ranks among named phases', () => {
    expect(saidOf('time', summary)).toBe('matrix products 75.0 %, waiting 25.0 %');
  });
  it('does not count memory that stands for a runtime, and says so', () => {
    const software = { ...job.software, frameworkMemory: { ...job.software.frameworkMemory, value: bytes(2 ** 26) } };
    const said = saidOf('memory', { ...summary, job: { ...job, software } });
    expect(said).toContain('3.00 MiB allocated');
    expect(said).toContain('software.frameworkMemory, 64.0 MiB, is planned with, not allocated');
  });
  it('says how many of its own steps were left out', () => {
    expect(saidOf('left out', summary)).toBe('');
    const leftOut = rows.map((row) => ([5, 70, 71].includes(row.step) ? { ...row, gradientFactor: 0 } : row));
    expect(saidOf('left out', { ...summary, rows: leftOut })).toBe('2 steps left out: their gradients were not finite');
  });
});

describe('where time goes', () => {
  it('has a phase for every lane, and sums of what others sent are messages', () => {
    expect(phaseOf({ lane: 'compute', name: 'matmul' })).toBe('matrix');
    expect(phaseOf({ lane: 'compute', name: 'accumulate' })).toBe('messages');
    expect(phaseOf({ lane: 'receive', name: 'dp' })).toBe('messages');
    expect(phaseOf({ lane: 'idle', name: 'wait' })).toBe('waiting');
    expect(phaseOf({ lane: 'storage', name: 'store' })).toBe('saving');
  });
  it('is told whole: the phases of a timesheet add up to the time since it was begun', () => {
    const lanes = [
      ['compute', 'matmul'],
      ['compute', 'adam'],
      ['receive', 'dp'],
      ['idle', 'wait'],
    ] as const;
    const anyWork = fc.array(fc.record({ lane: fc.constantFrom(...lanes), time: fc.nat(2e8), gap: fc.nat(2e8) }));
    fc.assert(
      fc.property(anyWork, (work) => {
        let clock = 0;
        const told: number[] = [];
        const total = (phases: Phases): number => PHASES.reduce((sum, phase) => sum + phases[phase], 0);
        const sheet = new Timesheet(
          () => instant(clock),
          (phases) => {
            told.push(clock);
            expect(total(phases)).toBeCloseTo(clock / 1e9, 6);
          },
        );
        for (const { lane, time, gap } of work) {
          sheet.span(lane[0], lane[1], () => (clock += time));
          clock += gap;
        }
        expect(total(sheet.phases)).toBeCloseTo(clock / 1e9, 6);
        for (const [index, at] of told.entries())
          if (index > 0) expect(at - told[index - 1]!).toBeGreaterThanOrEqual(250e6);
        expect(told.length > 0).toBe(work.length > 0);
      }),
    );
  });
  it('is shown as parts of a step that add up to it, of the time between two tellings', () => {
    const watch = new RunWatch(job, { done: 0, end: 10 });
    const heard = { subject: 'step', loss: 2, gradientNorm: 1, gradientFactor: 1 } as const;
    watch.heard({ ...heard, step: 1, at: seconds(0.5) });
    watch.spent(rank(0), spending({ rest: 9 }));
    watch.spent(rank(1), spending({ rest: 9 }));
    expect(watch.progress.phases).toBeNull();
    watch.spent(rank(0), spending({ rest: 9, matrix: 3 }, 7));
    watch.spent(rank(1), spending({ rest: 9, waiting: 1 }, 5));
    expect(watch.progress.phases).toEqual(phasesWith({ matrix: 0.375, waiting: 0.125 }));
    expect(watch.progress.peakMemory).toBe(7);
    expect(logText(watch.progress)).toContain('7.00 B held, 500.0 ms a step: products 375.0, idle 125.0 ms');
    watch.rewind(0);
    expect(watch.progress.phases).toBeNull();
  });
});

it('the speed of a run does not count the step in which its threads were started, once there is another', () => {
  const watch = new RunWatch(job, { done: 0, end: 10 });
  const heard = { subject: 'step', loss: 2, gradientNorm: 1, gradientFactor: 1 } as const;
  const shown = [5, 5.5, 6.25].map((at, index) => {
    watch.heard({ ...heard, step: index + 1, at: seconds(at) });
    return watch.progress.stepTime;
  });
  expect(shown).toEqual([5, 0.5, 0.625]);
});

describe('a step whose gradients are not finite', () => {
  const observed = (step: number, factor: number, subject: Observation['subject'] = 'step'): Observation => {
    const one = PROGRESS.map((name) => (name === 'factor' ? factor : 1));
    return { subject, step, numbers: [...one, ...one], at: instant(0) };
  };
  it('is counted while the run is watched', () => {
    const watch = new RunWatch(job, { done: 0, end: 10 });
    const heard = { subject: 'step', loss: 2, gradientNorm: 1, at: seconds(1) } as const;
    for (const [index, gradientFactor] of [1, 0, 0.5, 0].entries())
      watch.heard({ ...heard, step: index + 1, gradientFactor });
    expect(watch.progress.leftOut).toBe(2);
    expect(logText(watch.progress)).toContain('2 steps left out: their gradients were not finite');
  });
  it('has the factor 0 on record, and one that was left alone 1, whatever its losses were scaled by', () => {
    const half = tinyJob({ layout: { dp: 2 }, precision: 'fp16' });
    expect(gradientFactorOf(half, observed(1, 1 / 1024))).toBe(1);
    expect(gradientFactorOf(half, observed(1, 0))).toBe(0);
  });
  it('may come now and then, but not many times in a row', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: LEFT_OUT_MAX - 1 }), { maxLength: 5 }), (gaps) => {
        const watch = divergenceWatch(job);
        let step = 0;
        for (const gap of gaps) {
          for (let left = 0; left < gap; left++) watch(observed(++step, 0));
          watch(observed(++step, 1));
        }
        for (let left = 1; left < LEFT_OUT_MAX; left++) watch(observed(++step, 0));
        watch(observed(step, 0, 'validation'));
        expect(() => watch(observed(++step, 0))).toThrow(/gradients of 20 steps in a row, up to step \d+, were not/u);
      }),
    );
  });
});
