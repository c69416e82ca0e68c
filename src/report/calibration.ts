/** What a calibration found, as a table: each figure, and how far it is to be trusted. */
import type { Calibration } from '../exec/calibration/calibrate.ts';
import { formatBandwidth, formatBytes, formatFlopsPerSecond, formatPercent, formatSeconds } from '../units/format.ts';
import { bytes, bytesPerSecond, flopsPerSecond, seconds } from '../units/quantity.ts';
import type { Paint } from './paint.ts';
import type { Row } from './table.ts';
import { left, right, table } from './table.ts';

const ONE_SIZE = 'of one size alone: not fitted';

const quality = ({ error, sizes }: { readonly error: number; readonly sizes: number }): string =>
  sizes === 1 ? ONE_SIZE : `${formatPercent(error)} off, of ${sizes} sizes`;
const spread = (best: number, middle: number): string =>
  `the middle run ${formatPercent(Math.abs(middle / best - 1))} off`;

export const calibrationText = (calibration: Calibration, paint: Paint): string => {
  const { host, backend, load } = calibration;
  const [head = '', ...body] = table(
    [left('measured'), right('value'), left('spread')],
    [...machineRows(calibration), ...kernelRows(calibration)],
  );
  const loads = `load average ${load.before.toFixed(2)} before, ${load.after.toFixed(2)} after`;
  const about = `${host.processor}, ${host.cores} cores, products by ${backend}; ${loads}`;
  const busy = load.before > host.cores / 2 ? [paint('bad', BUSY)] : [];
  return `${[about, ...busy, '', paint('title', head), ...body].join('\n')}\n`;
};
const BUSY = 'Other programs ran beside this one: a calibration of the machine at rest would be truer.';

const machineRows = ({ operations, link, thread, wake, memoryRate, host }: Calibration): readonly Row[] => [
  [
    'an operation, whatever it does',
    formatSeconds(seconds(operations.launch)),
    `of all operations, the middle run ${formatPercent(operations.spread)} off`,
  ],
  ['a message: latency', formatSeconds(seconds(link.latency)), quality(link)],
  ['a message: bandwidth, added up', formatBandwidth(bytesPerSecond(link.bandwidth)), quality(link)],
  ['a sleeping thread, until it goes on', formatSeconds(seconds(wake.best)), spread(wake.best, wake.middle)],
  ['a thread, from start to end', formatSeconds(seconds(thread.best)), spread(thread.best, thread.middle)],
  ['memory: size', formatBytes(bytes(host.memory)), ''],
  [
    'memory: read and written',
    formatBandwidth(bytesPerSecond(memoryRate.best)),
    spread(memoryRate.best, memoryRate.middle),
  ],
];

const kernelRows = ({ operations: { products, streams } }: Calibration): readonly Row[] => [
  ...Object.entries(products).map(([name, fit]): Row => [
    name,
    formatFlopsPerSecond(flopsPerSecond(fit.rate)),
    quality(fit),
  ]),
  ...Object.entries(streams).map(([name, fit]): Row => [name, formatBandwidth(bytesPerSecond(fit.rate)), quality(fit)]),
];
