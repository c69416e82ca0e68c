/** Laws of `compare`: where time goes adds up, equal worlds agree, and whatever differs is said. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Itinerary } from '../../src/actors/itinerary.ts';
import { PHASES } from '../../src/effects/phase.ts';
import type { Trace } from '../../src/effects/trace.ts';
import { compareSchema, comparisonJson } from '../../src/report/compare-json.ts';
import { comparisonText } from '../../src/report/compare-text.ts';
import type { Comparison, RealWorld, World } from '../../src/report/compare.ts';
import { compareWorlds, isAgreed } from '../../src/report/compare.ts';
import { median } from '../../src/report/median.ts';
import { unpainted } from '../../src/report/paint.ts';
import { phasesOf, stepEnds, stepTimes } from '../../src/report/step-times.ts';
import type { Job } from '../../src/scenario/job.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { bytes, instant, seconds, sum } from '../../src/units/quantity.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { anyRealJob, REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import { train } from '../worlds/training.ts';

const STEPS = 3;
const SKIPPED = 1;
const itinerary: Itinerary = { first: 1, last: STEPS, validatesEvery: null, savesEvery: STEPS };

const simulate = (job: Job): World => {
  const { trace, reports } = message(job, CALM, { itinerary });
  return { trace, peaks: reports.map(({ memory }) => bytes(memory.peak)) };
};
/** Really trained, in this thread, by a clock that counts how often it is asked. */
const execute = (job: Job): RealWorld => {
  const { trace, memory } = train(job, { steps: STEPS });
  const peaks = memory.map(({ peak }) => bytes(peak)).slice(0, job.devices);
  const ends = stepEnds(trace, { devices: job.devices, steps: STEPS });
  return { trace, peaks, ends, held: peaks, backend: 'wasm', cores: 2, load: 0 };
};

describe('by its trace, in either world', () => {
  const worlds: Readonly<Record<string, (job: Job) => World>> = { simulated: simulate, real: execute };
  test.each(Object.entries(worlds))(
    'a job ends as many steps as it runs, whose phases add up to them: %s',
    (_, run) => {
      fc.assert(
        fc.property(anyRealJob(4), (job) => {
          const { trace } = run(job);
          const ends = stepEnds(trace, { devices: job.devices, steps: STEPS });
          expect(ends).toHaveLength(STEPS);
          const times = stepTimes(ends, SKIPPED);
          expect(times).toHaveLength(STEPS - SKIPPED);
          const phases = phasesOf(trace, { devices: job.devices, steps: STEPS }, SKIPPED);
          expect(sum(PHASES.map((phase) => phases[phase]))).toBeCloseTo(sum(times) / times.length, 9);
          for (const phase of PHASES) expect(phases[phase]).toBeGreaterThanOrEqual(0);
          expect(phases.matrix).toBeGreaterThan(0);
        }),
        { numRuns: 6 },
      );
    },
  );
  test('the median lies in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNull();
  });
});

const job = smallJob(
  tinyJob({ layout: { tp: 2, dp: 2, zero: 1 }, model: { layers: 2 }, workload: { globalBatch: 4 } }),
  REAL_FAMILIES['gpt']!,
);
const [simulated, real] = [simulate(job), execute(job)];
const compare = (parts: Partial<{ simulated: World; real: RealWorld; tolerance: number }> = {}): Comparison =>
  compareWorlds(
    { title: 'Do they agree?', job, steps: STEPS, skipped: SKIPPED, tolerance: parts.tolerance ?? Infinity },
    { simulated, real, ...parts },
  );
const textOf = (compared: Comparison): string => comparisonText(compared, unpainted);

describe('a comparison', () => {
  test('of a job with itself in the other world finds the same messages and peaks of memory', () => {
    const compared = compare();
    expect(isAgreed(compared)).toBe(true);
    expect(compared.traffic.simulated).toEqual(compared.traffic.real);
    expect(compared.messages).toBeGreaterThan(0);
    expect(textOf(compared)).toContain('The two worlds agree');
  });
  test('obeys its schema', () => {
    const without = (trace: Trace): Trace => trace.filter(({ kind }) => kind !== 'message');
    for (const compared of [compare(), compare({ real: { ...real, trace: without(real.trace) } })])
      expect(compareSchema.parse(JSON.parse(JSON.stringify(comparisonJson({ ...compared, tolerance: 1 }))))).toEqual(
        comparisonJson({ ...compared, tolerance: 1 }),
      );
  });
  test('sees a single byte of memory, on any rank of either world', () => {
    for (const rank of real.peaks.keys()) {
      const peaks = real.peaks.with(rank, bytes(real.peaks[rank]! + 1));
      for (const compared of [compare({ real: { ...real, peaks } }), compare({ simulated: { ...simulated, peaks } })]) {
        expect(isAgreed(compared)).toBe(false);
        expect(textOf(compared)).toContain('The two worlds differ: peaks of memory.');
      }
    }
  });
  test('sees a message that is missing, and says on which channel', () => {
    const one = real.trace.findIndex(({ kind }) => kind === 'message');
    const compared = compare({ real: { ...real, trace: real.trace.toSpliced(one, 1) } });
    expect(isAgreed(compared)).toBe(false);
    const { from, to, strand } = compared.differing[0]!;
    expect(textOf(compared)).toContain(`${from} to ${to}, strand "${strand}", message`);
    expect(comparisonJson(compared).agree).toMatchObject({ messages: false, memory: true, all: false });
  });
  test('takes the step time from the run that was not written down', () => {
    const ends = real.ends.map((end) => instant(2 * end));
    const slower = compare({ real: { ...real, ends } });
    expect(slower.step.real).toBeCloseTo(2 * compare().step.real, 12);
    expect(slower.tracedStep).toBe(compare().tracedStep);
    expect(slower.phases).toEqual(compare().phases);
  });
  test('holds the step time to its tolerance', () => {
    const { error } = compare();
    expect(compare({ tolerance: Math.abs(error) }).isClose).toBe(true);
    expect(compare({ tolerance: Math.abs(error) * 0.999 }).isClose).toBe(false);
  });
  test('counts what the simulation lets an operation wait for its start between the operations, and no time twice', () => {
    const { phases } = compare();
    const run = { devices: job.devices, steps: STEPS };
    const all = phasesOf(simulated.trace, run, SKIPPED);
    const total = (of: typeof all): number => sum(PHASES.map((phase) => of[phase]));
    expect(total(phases.simulated)).toBeCloseTo(total(all), 12);
    const free = { ...job.cluster.accelerator.launch, value: seconds(0) };
    const unlaunched = {
      ...job,
      cluster: { ...job.cluster, accelerator: { ...job.cluster.accelerator, launch: free } },
    };
    const none = compareWorlds(
      { title: '', job: unlaunched, steps: STEPS, skipped: SKIPPED, tolerance: Infinity },
      { simulated, real },
    );
    expect(job.cluster.accelerator.launch.value).toBeGreaterThan(0);
    expect(phases.simulated.rest).toBeGreaterThan(none.phases.simulated.rest);
    expect(phases.simulated.matrix).toBeLessThan(none.phases.simulated.matrix);
    expect(none.phases.simulated).toEqual(all);
    expect(phases.real).toEqual(none.phases.real);
  });
  test('warns of a machine with more to do than this', () => {
    expect(textOf(compare())).not.toContain('load average');
    expect(textOf(compare({ real: { ...real, load: 1.5 } }))).toContain('load average was 1.50');
  });
  test('calls it luck when times agree that follow from figures which nobody measured', () => {
    const { accelerator } = job.cluster;
    const as = (from: 'assumed' | 'measured'): Comparison => {
      const peak = Object.fromEntries(
        Object.entries(accelerator.peak).map(([dtype, one]) => [dtype, { ...one, from }]),
      );
      const memoryBandwidth = { ...accelerator.memoryBandwidth, from };
      const cluster = { ...job.cluster, accelerator: { ...accelerator, peak, memoryBandwidth } };
      return { ...compare(), job: { ...job, cluster } };
    };
    expect(textOf(as('assumed'))).toContain('is luck');
    expect(textOf(as('measured'))).not.toContain('is luck');
  });
  test('says that a cluster knows nothing of cores, or how many share them', () => {
    expect(textOf(compare())).toContain('names no cores');
    const cores = { value: 2, from: 'measured', source: 'counted' } as const;
    const shared = { ...job, cluster: { ...job.cluster, cores } };
    expect(textOf({ ...compare(), job: shared })).toContain('4 ranks share 2 cores');
  });
});
