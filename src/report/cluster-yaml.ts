/** A calibrated machine as the cluster file that `plan`, `simulate` and `compare` read. */
import type { Calibration } from '../exec/calibration/calibrate.ts';
import type { ProductFit, StreamFit } from '../exec/calibration/fit.ts';
import { THREAD_MEMORY_MAX, THREADS_MAX } from '../scenario/machine.ts';
import { formatBandwidth, formatBytes, formatFlopsPerSecond, formatSeconds } from '../units/format.ts';
import { bytes, bytesPerSecond, flopsPerSecond, seconds } from '../units/quantity.ts';
import { median } from './median.ts';

/** Stands in every file that is written here. */
export const CALIBRATED = 'as angel-sim calibrate found it';

/** `date` is the day of the measurement: 2026-01-31. */
export const clusterYaml = (calibration: Calibration, { name, date }: { name: string; date: string }): string => {
  const { host, operations, link, memoryRate } = calibration;
  const copies = 'copies of 128 MiB within memory by one thread, bytes read and written';
  const rank = formatBytes(bytes(Math.floor(Math.min(THREAD_MEMORY_MAX, host.memory / THREADS_MAX))));
  const lines = [
    ...opening(calibration, date),
    `name: ${JSON.stringify(name)}`,
    'accelerator:',
    `  name: ${JSON.stringify(`core of ${oneLine(host.processor)}`)}`,
    '  peak:',
    ...peaks(operations.products),
    `  matrixEfficiency: ${measured('1', 'the peak is the measured rate of large products')}`,
    `  memory: ${measured(rank, `the memory of the machine over ${THREADS_MAX} ranks, each of which can have 4 GiB`)}`,
    `  memoryBandwidth: ${measured(rateOf(memoryRate.best), copies)}`,
    `  memoryEfficiency: ${measured(efficiencyOf(calibration).toFixed(2), 'the middle kernel of all that multiply nothing, by time; 1 at most, for caches are faster')}`,
    `  multiprocessors: ${measured('1', 'a core works on one tile at a time')}`,
    `  launch: ${measured(timeOf(operations.launch), 'from one operation to the next within a step, and the call itself')}`,
    `  power: ${assumed('10W', 'a server processor of 200 W and 20 cores or so')}`,
    '  kernels:',
    '    products: # of m x n x k: 1 + rows/m + columns/n + depth/k times as long as at the rate',
    ...Object.entries(operations.products).map(productLine),
    '    streams: # bytes read and written a second',
    ...Object.entries(operations.streams).map(streamLine),
    `devicesPerNode: ${THREADS_MAX}`,
    `cores: ${measured(String(host.cores), 'what threads can run on at once')}`,
    `wake: ${measured(timeOf(calibration.wake.best), 'a message there and one back between threads that sleep at once')}`,
    'scaleUp: # shared memory',
    `  bandwidth: ${measured(rateOf(link.bandwidth), reductionsIn(calibration))}`,
    `  efficiency: ${measured('1', 'the bandwidth is what messages achieved')}`,
    `  latency: ${measured(timeOf(link.latency), reductionsIn(calibration))}`,
    ...REST,
    `hostMemory: ${measured(formatBytes(bytes(host.memory)), 'what this process may have')}`,
    `runtimeMemory: ${assumed('64MiB', 'a thread with a heap of its own and the code of the kernels')}`,
    `hostMemoryBandwidth: ${measured(rateOf(memoryRate.best), copies)}`,
  ];
  return `${lines.join('\n')}\n`;
};

const opening = ({ host, backend, load, operations, link }: Calibration, date: string): readonly string[] =>
  [
    `This machine ${CALIBRATED} on ${date}: each core a device of its own, up to ${THREADS_MAX} ranks.`,
    `Processor: ${oneLine(host.processor)}, ${host.cores} cores to use. Products: ${oneLine(backend)}.`,
    `Load average ${load.before.toFixed(2)} before and ${load.after.toFixed(2)} after; the middle run of an operation took ${percent(operations.spread)} longer than`,
    `an undisturbed one. Figures are of undisturbed runs; messages fit to ${percent(link.error)}. A larger load makes them worse.`,
  ].map((line) => `# ${line}`);

/** Whatever a machine calls its parts, in letters that every reader of YAML takes. */
const oneLine = (text: string): string => text.replaceAll(/[^!-~]+/gu, ' ').trim();
const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;

const rateOf = (value: number): string => formatBandwidth(bytesPerSecond(value)).replace(' ', '');
const timeOf = (value: number): string => formatSeconds(seconds(value)).replace(' ', '');
const speedOf = (value: number): string => formatFlopsPerSecond(flopsPerSecond(value)).replace(' ', '');

const figure = (from: 'measured' | 'assumed', value: string, source: string): string =>
  `{ value: ${value}, from: ${from}, source: ${JSON.stringify(source)} }`;
const measured = (value: string, source: string): string => figure('measured', value, source);
const assumed = (value: string, source: string): string => figure('assumed', value, source);

const MATRIX = /^matmul (?:nn|nt|tn) (?<dtype>fp32|bf16)$/u;

/** Of each format the fastest kind of product. */
const peaks = (products: Readonly<Record<string, ProductFit>>): readonly string[] => {
  const best = new Map<string, number>();
  for (const [name, { rate }] of Object.entries(products)) {
    const dtype = MATRIX.exec(name)?.groups?.['dtype'];
    if (dtype !== undefined) best.set(dtype, Math.max(rate, best.get(dtype) ?? 0));
  }
  return [...best].map(
    ([dtype, rate]) => `    ${dtype}: ${measured(speedOf(rate), 'the fastest kind of product, large')}`,
  );
};

const fitted = (of: { readonly error: number; readonly sizes: number }): string =>
  of.sizes === 1 ? 'one size alone' : `${of.sizes} sizes, off by ${percent(of.error)} of the time`;

const productLine = ([name, fit]: readonly [string, ProductFit]): string => {
  const halves = `rows: ${fit.rows.toFixed(1)}, columns: ${fit.columns.toFixed(1)}, depth: ${fit.depth.toFixed(1)}`;
  return `      ${name}: { rate: ${measured(speedOf(fit.rate), fitted(fit))}, ${halves} }`;
};
const streamLine = ([name, fit]: readonly [string, StreamFit]): string =>
  `      ${name}: ${measured(rateOf(fit.rate), fitted(fit))}`;

const reductionsIn = ({ link }: Calibration): string =>
  `all-reduce of 1 KiB to 16 MiB between two threads, ${fitted(link)}`;

/** For kernels that were not measured. */
const efficiencyOf = ({ operations, memoryRate }: Calibration): number => {
  const rates = Object.values(operations.streams).map(({ rate }) => rate);
  const middle = median(rates) ?? memoryRate.best;
  return Math.max(0.01, Math.min(1, middle / memoryRate.best));
};

/** Beyond one machine, and beyond what was measured. */
const REST = [
  'nic:',
  `  bandwidth: ${assumed('10Gbps', 'a common network between servers')}`,
  `  efficiency: ${assumed('0.9', 'what Ethernet and TCP leave of it')}`,
  `  latency: ${assumed('30us', 'from one process over TCP to another')}`,
  `rails: ${assumed('1', 'one network interface a server')}`,
  "pcie: # a core's memory is the host's: what is moved stays where it is",
  `  bandwidth: ${assumed('100GB/s', 'nothing is copied between the tiers of one memory')}`,
  `  efficiency: ${assumed('1', 'nothing is copied between the tiers of one memory')}`,
  `  latency: ${assumed('1us', 'a call')}`,
  'ssd:',
  `  capacity: ${assumed('100GB', 'what a small server has left')}`,
  `  bandwidth: ${assumed('100MB/s', 'a drive of 1 GB/s and more, over several ranks')}`,
  `hostPower: ${assumed('5W', 'memory, drives and fans of a small server, over its cores')}`,
  `pue: ${assumed('1', 'a machine under a desk has no data centre around it')}`,
  'collectives: [] # rings alone: within one machine there is nothing for a tree or a hierarchy to follow',
  'bestMfu: null',
];
