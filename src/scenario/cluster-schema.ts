/** A cluster as it is written in YAML: each figure with its origin, or bare, which makes it an assumption. */
import { z } from 'zod';
import type { Cluster, Price } from './cluster.ts';
import { PROVENANCES } from './cluster.ts';
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import {
  bandwidth,
  closed,
  duration,
  factor,
  figure,
  GIVEN,
  hourlyPrice,
  oneOf,
  power,
  share,
  size,
  speed,
  whole,
  wholeFigure,
  words,
} from './shape.ts';
import type { Tree } from './tree.ts';
import { nearestAt, writtenHere } from './tree.ts';
import { formatDollarsPerHour } from '../units/format.ts';

const sizeFigure = figure(size);
const shareFigure = figure(share);
const bandwidthFigure = figure(bandwidth);
const durationFigure = figure(duration);
const powerFigure = figure(power);
const peak = figure(speed).optional();

const link = closed(
  {
    bandwidth: bandwidthFigure.describe('Per device and direction, as the datasheet says it.'),
    efficiency: shareFigure.describe('Share of the bandwidth that large messages reach.'),
    latency: durationFigure.describe('From the start of a message to its first byte at the receiver.'),
  },
  'a link: a mapping of bandwidth, efficiency and latency',
);

const accelerator = closed(
  {
    name: words,
    peak: closed(
      { fp32: peak, tf32: peak, fp16: peak, bf16: peak, fp8: peak, fp4: peak },
      'peaks by number format',
    ).describe('Dense, without sparsity; a number format that is absent is not supported.'),
    matrixEfficiency: shareFigure.describe('Best matrix multiplication over shapes, as a share of the peak.'),
    narrowEfficiency: shareFigure
      .nullable()
      .optional()
      .describe('The same for fp8 and fp4; when absent, that of the wider formats.'),
    memory: sizeFigure,
    memoryBandwidth: bandwidthFigure,
    memoryEfficiency: shareFigure.describe('Share of the memory bandwidth that streaming kernels reach.'),
    multiprocessors: wholeFigure.describe('Tiles that a matrix multiplication works on at once.'),
    launch: durationFigure.describe("From one kernel's end to the next one's start."),
    power: powerFigure,
  },
  'an accelerator',
);

const price = z.union(
  [
    hourlyPrice.transform((bare): Price => ({
      low: bare,
      high: bare,
      date: 'not given',
      region: 'not given',
      ...GIVEN,
    })),
    closed(
      { low: hourlyPrice, high: hourlyPrice, date: words, region: words, from: oneOf(PROVENANCES), source: words },
      'a price range',
    ),
  ],
  { error: 'a price such as $2.50/h, or a mapping of low, high, date, region, from and source' },
);

export const clusterSchema = closed(
  {
    name: words,
    accelerator,
    devicesPerNode: whole(1, 1_000_000).describe('Devices that share a host.'),
    scaleUpDomain: whole(1, 1_000_000).describe('Devices that reach each other over scaleUp; a multiple of the node.'),
    scaleUp: link,
    nic: link.describe('The network between domains, per device.'),
    rails: wholeFigure.describe('NICs of a node, each on a rail of its own.'),
    pcie: link,
    hostMemory: sizeFigure.describe('Of a node.'),
    hostMemoryBandwidth: bandwidthFigure.describe('Per device.'),
    ssd: closed({ capacity: sizeFigure, bandwidth: bandwidthFigure }, 'a mapping of capacity and bandwidth').describe(
      'The capacity is of a node, the bandwidth per device.',
    ),
    price: price.describe('Per device and hour.'),
    hostPower: powerFigure.describe('Host, switches and fans, per device, beside its own power.'),
    pue: figure(factor).describe('Power usage effectiveness of the data centre.'),
    bestMfu: shareFigure
      .nullable()
      .optional()
      .describe('Best published MFU of a large run on this card, if one is known.'),
  },
  'a cluster',
);

export const clusterFrom = (written: z.output<typeof clusterSchema>): Cluster => {
  const { peak, narrowEfficiency } = written.accelerator;
  return {
    ...written,
    accelerator: { ...written.accelerator, peak: withoutAbsent(peak), narrowEfficiency: narrowEfficiency ?? null },
    bestMfu: written.bestMfu ?? null,
  };
};

const withoutAbsent = (peak: z.output<typeof accelerator>['peak']): Cluster['accelerator']['peak'] => ({
  ...(peak.fp32 && { fp32: peak.fp32 }),
  ...(peak.tf32 && { tf32: peak.tf32 }),
  ...(peak.fp16 && { fp16: peak.fp16 }),
  ...(peak.bf16 && { bf16: peak.bf16 }),
  ...(peak.fp8 && { fp8: peak.fp8 }),
  ...(peak.fp4 && { fp4: peak.fp4 }),
});

/** What no cluster can be: zero where something is divided by it, shares of nothing, domains that cut through hosts. */
export const clusterContradictions = (cluster: Cluster, tree: Tree): readonly Complaint[] => {
  const { accelerator: card, scaleUp, nic, pcie, price } = cluster;
  const at = (path: string, message: string): Complaint => complaintAt(nearestAt(tree, path.split('.')), message);
  const positive: readonly (readonly [string, number])[] = [
    ...Object.entries(card.peak).map(([dtype, { value }]) => [`accelerator.peak.${dtype}`, value] as const),
    ['accelerator.matrixEfficiency', card.matrixEfficiency.value],
    ['accelerator.narrowEfficiency', card.narrowEfficiency?.value ?? 1],
    ['accelerator.memory', card.memory.value],
    ['accelerator.memoryBandwidth', card.memoryBandwidth.value],
    ['accelerator.memoryEfficiency', card.memoryEfficiency.value],
    ...Object.entries({ scaleUp, nic, pcie }).flatMap(([name, link]) => [
      [`${name}.bandwidth`, link.bandwidth.value] as const,
      [`${name}.efficiency`, link.efficiency.value] as const,
    ]),
    ['hostMemoryBandwidth', cluster.hostMemoryBandwidth.value],
    ['ssd.bandwidth', cluster.ssd.bandwidth.value],
  ];
  const complaints = positive
    .filter(([, value]) => value === 0)
    .map(([path]) => at(path, 'is zero; wanted more than nothing'));
  const { devicesPerNode, scaleUpDomain, pue } = cluster;
  if (scaleUpDomain % devicesPerNode !== 0) {
    const message = `a domain of ${scaleUpDomain} devices is not whole nodes of ${devicesPerNode}`;
    complaints.push(complaintAt(writtenHere(tree, ['scaleUpDomain', 'devicesPerNode']), message));
  }
  if (price.low > price.high) {
    const [low, high] = [formatDollarsPerHour(price.low), formatDollarsPerHour(price.high)];
    complaints.push(at('price.low', `${low} is above the ${high} of price.high`));
  }
  if (pue.value < 1) complaints.push(at('pue', `${pue.value} is below 1: a data centre draws what its devices draw`));
  return complaints;
};
