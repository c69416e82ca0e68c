/** Laws of calibration: what a machine is measured to be is what simulations of it are told. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/exec/calibration/calibrate.ts';
import type { OpTime } from '../../src/exec/calibration/fit.ts';
import { fitLink, fitOps, fitRates } from '../../src/exec/calibration/fit.ts';
import { nonNegativeFit } from '../../src/exec/calibration/least-squares.ts';
import type { OpTiming } from '../../src/exec/calibration/stopwatch.ts';
import { timeTraining } from '../../src/exec/calibration/time-training.ts';
import type { Op } from '../../src/kernels/op.ts';
import { nameOf } from '../../src/kernels/op-name.ts';
import { calibrationText } from '../../src/report/calibration.ts';
import { CALIBRATED, clusterYaml } from '../../src/report/cluster-yaml.ts';
import { unpainted } from '../../src/report/paint.ts';
import type { Cluster } from '../../src/scenario/cluster.ts';
import { parseCluster } from '../../src/scenario/entries.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { message } from '../../src/sim/message.ts';
import { opTime } from '../../src/sim/op-time.ts';
import { builtThread } from '../worlds/built-thread.ts';
import { tinyJob } from '../worlds/jobs.ts';

const SIZES = [32, 64, 96, 128, 192, 320, 512, 768, 1024];

const product = ([m, n, k]: readonly [number, number, number]): Op => ({
  kind: 'matmul',
  m,
  n,
  k,
  batch: 1,
  transpose: 'nn',
  dtype: 'fp32',
  output: 'fp32',
  accumulates: false,
  bias: false,
  isAttention: false,
});
const sum = (elements: number): Op => ({ kind: 'add', elements, dtype: 'fp32' });

/** A size that is not among others of its place every time, so that no dimension is a function of the others. */
const SHAPES = SIZES.flatMap((m, i) =>
  SIZES.map((n, j) => [m, n, SIZES[(2 * i + 5 * j + ((i * j) % 3)) % SIZES.length]!] as const),
);

/** What a processor is, as `Calibration` says it: seconds, bytes and FLOPs a second. */
const anyProcessor = fc.record({
  launch: fc.double({ min: 1e-7, max: 1e-4, noNaN: true }),
  rate: fc.double({ min: 1e9, max: 1e12, noNaN: true }),
  // A half that is no part of the time worth speaking of cannot be told from none.
  rows: fc.constantFrom(0, 8, 40),
  columns: fc.constantFrom(0, 5, 30),
  depth: fc.constantFrom(0, 11, 60),
  stream: fc.double({ min: 1e9, max: 1e11, noNaN: true }),
  latency: fc.double({ min: 1e-6, max: 1e-4, noNaN: true }),
  bandwidth: fc.double({ min: 1e9, max: 1e11, noNaN: true }),
});
type Processor = typeof anyProcessor extends fc.Arbitrary<infer Value> ? Value : never;

const EXACT = { error: 0, sizes: 9 };
const calibrationOf = (processor: Processor, name = 'a processor'): Calibration => {
  const { launch, rate, rows, columns, depth, stream, latency, bandwidth } = processor;
  return {
    host: { processor: name, cores: 2, memory: 2 ** 34 },
    backend: 'wasm',
    load: { before: 0, after: 2 },
    operations: {
      launch,
      spread: 0.1,
      products: Object.fromEntries(
        ['matmul nn fp32', 'matmul nn bf16'].map((each) => [each, { rate, rows, columns, depth, ...EXACT }]),
      ),
      streams: { 'add fp32': { rate: stream, ...EXACT } },
    },
    link: { latency, bandwidth, ...EXACT },
    wake: { best: 2e-5, middle: 3e-5 },
    thread: { best: 0.1, middle: 0.2 },
    memoryRate: { best: 1e10, middle: 9e9 },
  };
};

const NOWHERE = { names: [], find: () => null };
const clusterOf = (calibration: Calibration): Cluster => {
  const text = clusterYaml(calibration, { name: 'here', date: '2026-01-31' });
  const library = { models: NOWHERE, clusters: NOWHERE, read: () => null };
  const { value, complaints } = parseCluster({ file: 'here.yaml', text }, library);
  expect(complaints).toEqual([]);
  return value!;
};
const machineFrom = (processor: Processor) =>
  machineOf({ ...tinyJob({}), cluster: clusterOf(calibrationOf(processor)) });

const OPS = [...SHAPES.map(product), ...[1e3, 1e5, 1e6].map(sum)];
const timesOn = (processor: Processor, ops: readonly Op[]): readonly OpTime[] => {
  const machine = machineFrom(processor);
  return ops.map((op) => ({ op, seconds: opTime(op, machine) - machine.launch, runs: 10 }));
};
/** What the fits of the times make of an operation, without the launch. */
const refitted = (processor: Processor, times: readonly OpTime[]) => {
  const calibration = calibrationOf(processor);
  const { products, streams } = fitRates(times, 0);
  const operations = {
    ...calibration.operations,
    products: { ...calibration.operations.products, ...products },
    streams,
  };
  return machineOf({ ...tinyJob({}), cluster: clusterOf({ ...calibration, operations }) });
};

describe('the fit of a machine whose times follow the formula', () => {
  test('prices operations of other sizes as that machine does', () => {
    fc.assert(
      fc.property(anyProcessor, (processor) => {
        const machine = machineFrom(processor);
        const fitted = refitted(processor, timesOn(processor, OPS));
        for (const op of [product([48, 700, 400]), product([2000, 90, 110]), sum(12_345)])
          expect(Math.abs(opTime(op, fitted) / opTime(op, machine) - 1)).toBeLessThan(0.03);
      }),
      { numRuns: 30 },
    );
  });
  test('is hardly moved by products that were disturbed whenever they ran', () => {
    fc.assert(
      fc.property(anyProcessor, fc.array(fc.nat(SHAPES.length - 1), { maxLength: 6 }), (processor, slow) => {
        const times = timesOn(processor, OPS);
        const noisy = times.map((time, index) =>
          slow.includes(index) ? { ...time, seconds: 4 * time.seconds } : time,
        );
        const [machine, fitted] = [machineFrom(processor), refitted(processor, noisy)];
        const op = product([640, 700, 400]);
        expect(Math.abs(opTime(op, fitted) / opTime(op, machine) - 1)).toBeLessThan(0.1);
      }),
      { numRuns: 30 },
    );
  });
  test('finds the latency and the bandwidth of its messages', () => {
    fc.assert(
      fc.property(anyProcessor, ({ latency, bandwidth }) => {
        const timings = SIZES.map((kibibytes) => {
          const elements = 256 * kibibytes;
          const calm = 2 * latency + (4 * elements) / bandwidth;
          return { kind: 'all-reduce' as const, elements, seconds: [3 * calm, calm, 2 * calm] };
        });
        const fit = fitLink(timings);
        for (const bytes of [1e4, 1e6]) {
          const expected = 2 * latency + bytes / bandwidth;
          expect(Math.abs((2 * fit.latency + bytes / fit.bandwidth) / expected - 1)).toBeLessThan(0.05);
        }
      }),
    );
  });
});

test('a fit has no negative coefficient, whatever the rows', () => {
  const anyRow = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(anyRow, { minLength: 1, maxLength: 20 }), (rows) => {
      const x = nonNegativeFit(rows, 4);
      expect(x).toHaveLength(4);
      expect(x[0]).toBeGreaterThan(0);
      expect(Math.min(...x)).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('the time of an operation is that of its undisturbed runs, in whichever sweep they were', () => {
  const calm = 1e-3;
  const timing = (factor: number): OpTiming => ({
    op: sum(1e6),
    seconds: Array.from({ length: 30 }, (_, run) => calm * factor * (run < 10 ? 20 : 1 + run / 1e3)),
    gaps: [1e-5, 1e-5, 1e-5, 1e-5],
  });
  const nothing: OpTiming = { op: sum(1), seconds: [1e-6, 1e-6, 1e-6], gaps: [1e-5, 1e-5, 1e-5] };
  const { launch, streams } = fitOps([nothing, timing(5), timing(1), timing(2)]);
  expect(launch).toBeCloseTo(1.1e-5, 6);
  expect(1.2e7 / streams['add fp32']!.rate / calm).toBeCloseTo(1, 1);
});

describe('the written file', () => {
  test('is a cluster with the figures that were measured, each said to be so, whatever the processor is called', () => {
    fc.assert(
      fc.property(anyProcessor, fc.string({ minLength: 1, unit: 'binary' }), (processor, name) => {
        const calibration = calibrationOf(processor, name);
        const { accelerator, cores, scaleUp } = clusterOf(calibration);
        expect(cores).toMatchObject({ value: 2, from: 'measured' });
        const { products, streams } = accelerator.kernels!;
        const said = [
          [products['matmul nn fp32']!.rate, processor.rate],
          [accelerator.peak.fp32!, processor.rate],
          [streams['add fp32']!, processor.stream],
          [accelerator.launch, processor.launch],
          [scaleUp.latency, processor.latency],
          [scaleUp.bandwidth, processor.bandwidth],
        ] as const;
        for (const [figure, value] of said) {
          expect(figure.from).toBe('measured');
          expect(figure.value / value).toBeCloseTo(1, 1);
        }
        expect(clusterYaml(calibration, { name: 'here', date: '2026-01-31' })).toContain(CALIBRATED);
        expect(calibrationText(calibration, unpainted)).toContain('matmul nn fp32');
      }),
      { numRuns: 30 },
    );
  });
  test('holds next to nothing for a runtime: its ranks are threads, and no driver is behind them', () => {
    fc.assert(
      fc.property(anyProcessor, (processor) => {
        const { runtimeMemory, accelerator } = clusterOf(calibrationOf(processor));
        expect(runtimeMemory.value).toBe(64 * 2 ** 20);
        expect(runtimeMemory.value).toBeLessThan(accelerator.memory.value);
      }),
      { numRuns: 5 },
    );
  });
  test('is a machine that jobs of up to 16 ranks are simulated on, and a slower one takes longer', () => {
    fc.assert(
      fc.property(anyProcessor, (processor) => {
        const stepOn = (of: Processor): number => {
          const job = tinyJob({ layout: { dp: 2 }, precision: 'fp32' });
          return message({ ...job, cluster: clusterOf(calibrationOf(of)) }).evaluation.step;
        };
        const step = stepOn(processor);
        expect(step).toBeGreaterThan(0);
        expect(stepOn({ ...processor, rate: processor.rate / 2, stream: processor.stream / 2 })).toBeGreaterThan(step);
      }),
      { numRuns: 5 },
    );
  });
});

describe('a job that is trained for the stopwatch', () => {
  const built = builtThread('src/exec/calibration/training-thread.ts');
  afterAll(() => built.remove());
  test('shows every operation as often as its steps run it', async () => {
    const layout = { tp: 1, pp: 1, dp: 1 };
    const job = tinyJob({
      layout,
      precision: 'fp32',
      workload: { sequence: 16, globalBatch: 1 },
      model: { layers: 1 },
    });
    const steps = 3;
    const [rank] = await timeTraining(job, { steps, kernels: 'wasm', thread: built.file });
    expect(rank!.backend).toBe('wasm');
    const names = rank!.timings.map(({ op }) => nameOf(op));
    expect(names).toEqual(expect.arrayContaining(['matmul nn fp32', 'flash-attention backward fp32', 'adam fp32']));
    for (const { op, seconds, gaps } of rank!.timings) {
      expect(seconds.length % steps, nameOf(op)).toBe(0);
      expect(Math.min(...seconds, ...gaps)).toBeGreaterThanOrEqual(0);
    }
  });
});
