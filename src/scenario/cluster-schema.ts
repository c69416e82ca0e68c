/** A cluster as it is written in YAML: each figure with its origin, or bare or left out, which makes it an assumption. */
import { z } from 'zod';
import type { Cluster, Link } from './cluster.ts';
import { COLLECTIVE_ALGORITHMS } from './cluster.ts';
import {
  CARD_POWER,
  hostMemoryBandwidthOf,
  hostMemoryOf,
  hostPowerOf,
  LAUNCH,
  MATRIX_EFFICIENCY,
  MEMORY_EFFICIENCY,
  MULTIPROCESSORS,
  NIC,
  PCIE,
  PUE,
  railsOf,
  SCALE_UP,
  SSD,
} from './cluster-defaults.ts';
import type { Complaint } from './complaint.ts';
import { fabricSchema } from './conditions-schema.ts';
import { FRAMEWORK_MEMORY } from './defaults.ts';
import { complaintAt } from './issues.ts';
import { price } from './price-schema.ts';
import {
  bandwidth,
  closed,
  duration,
  factor,
  figure,
  power,
  share,
  size,
  speed,
  whole,
  wholeFigure,
  words,
  oneOf,
} from './shape.ts';
import type { Tree } from './tree.ts';
import { nearestAt, writtenHere } from './tree.ts';

const sizeFigure = figure(size);
const shareFigure = figure(share);
const bandwidthFigure = figure(bandwidth);
const durationFigure = figure(duration);
const powerFigure = figure(power);
const peak = figure(speed).optional();

/** What a datasheet may leave out, and what is then assumed of it. */
const or = <Value, Input>(given: z.ZodType<Value, Input>, assumed: Value) =>
  given.optional().transform((written) => written ?? assumed);

/** Of a link the bandwidth alone may be given: how it is used is then `assumed`. */
const link = (assumed: Omit<Link, 'bandwidth'>) =>
  z.union(
    [
      closed(
        {
          bandwidth: bandwidthFigure.describe('Per device and direction, as the datasheet says it.'),
          efficiency: shareFigure.optional().describe('Share of the bandwidth that large messages reach.'),
          latency: durationFigure.optional().describe('From the start of a message to its first byte at the receiver.'),
        },
        'a link',
      ).transform(({ bandwidth: rate, efficiency, latency }): Link => ({
        bandwidth: rate,
        efficiency: efficiency ?? assumed.efficiency,
        latency: latency ?? assumed.latency,
      })),
      bandwidthFigure.transform((rate): Link => ({ bandwidth: rate, ...assumed })),
    ],
    { error: 'a bandwidth such as 400Gbps, or a mapping of bandwidth, efficiency and latency' },
  );

const byName = <Value, Input>(rate: z.ZodType<Value, Input>) =>
  z.record(words, rate, { error: 'rates by the name of the kernel' });
const half = z.number({ error: 'a number of at least 0' }).min(0, { error: 'a number of at least 0' });
const kernels = closed(
  {
    products: byName(
      closed({ rate: figure(speed), rows: half, columns: half, depth: half }, 'a rate of products'),
    ).describe('Products take 1 + rows/m + columns/n + depth/k times as long as at the rate.'),
    streams: byName(bandwidthFigure).describe('Everything else, in bytes read and written a second.'),
  },
  'rates of products and streams',
);

const accelerator = closed(
  {
    name: words,
    peak: closed(
      { fp32: peak, tf32: peak, fp16: peak, bf16: peak, fp8: peak, fp4: peak },
      'peaks by number format',
    ).describe('Dense, without sparsity; a number format that is absent is not supported.'),
    matrixEfficiency: or(shareFigure, MATRIX_EFFICIENCY).describe(
      'Best matrix multiplication over shapes, as a share of the peak.',
    ),
    narrowEfficiency: shareFigure
      .nullable()
      .optional()
      .describe('The same for fp8 and fp4; when absent, that of the wider formats.'),
    memory: sizeFigure,
    memoryBandwidth: bandwidthFigure,
    memoryEfficiency: or(shareFigure, MEMORY_EFFICIENCY).describe(
      'Share of the memory bandwidth that streaming kernels reach.',
    ),
    multiprocessors: or(wholeFigure, MULTIPROCESSORS).describe('Tiles that a matrix multiplication works on at once.'),
    launch: or(durationFigure, LAUNCH).describe("From one kernel's end to the next one's start."),
    power: or(powerFigure, CARD_POWER),
    kernels: kernels
      .nullable()
      .optional()
      .describe('How fast each kernel is, where that was measured; as angel-sim calibrate writes it.'),
  },
  'an accelerator',
);

export const clusterSchema = closed(
  {
    name: words,
    accelerator,
    devicesPerNode: whole(1, 1_000_000).describe('Devices that share a host.'),
    cores: wholeFigure
      .nullable()
      .optional()
      .describe('Processor cores of a node, on which its devices are threads. Absent: a device is its own processor.'),
    wake: durationFigure
      .nullable()
      .optional()
      .describe('Until a thread that waits for a message goes on with it, where threads share cores. Absent: no time.'),
    scaleUpDomain: whole(1, 1_000_000)
      .optional()
      .describe('Devices that reach each other over scaleUp; a multiple of the node. Absent: the node.'),
    scaleUp: link(SCALE_UP),
    nic: link(NIC).describe('The network between domains, per device.'),
    rails: wholeFigure.optional().describe('NICs of a node, each on a rail of its own. Absent: one a device.'),
    fabric: fabricSchema.nullable().optional(),
    pcie: or(link(PCIE), PCIE),
    hostMemory: sizeFigure.optional().describe('Of a node. Absent: twice the memory of its cards.'),
    hostMemoryBandwidth: bandwidthFigure.optional().describe('Per device.'),
    runtimeMemory: or(sizeFigure, FRAMEWORK_MEMORY).describe(
      'Held on every device by a framework and its libraries, where software.frameworkMemory does not say.',
    ),
    ssd: or(
      closed({ capacity: sizeFigure, bandwidth: bandwidthFigure }, 'a mapping of capacity and bandwidth'),
      SSD,
    ).describe('The capacity is of a node, the bandwidth per device.'),
    price: price.nullable().optional().describe('Per device and hour. Absent: no dollars are promised.'),
    hostPower: powerFigure.optional().describe('Host, switches and fans, per device, beside its own power.'),
    pue: or(figure(factor), PUE).describe('Power usage effectiveness of the data centre.'),
    collectives: z
      .array(oneOf(COLLECTIVE_ALGORITHMS), { error: `a list of ${COLLECTIVE_ALGORITHMS.join(', ')}` })
      .readonly()
      .optional()
      .describe('What the collective library has beside rings. Absent: hierarchical and tree, as NCCL.'),
    bestMfu: shareFigure
      .nullable()
      .optional()
      .describe('Best published MFU of a large run on this card, if one is known.'),
  },
  'a cluster',
);

const NCCL = ['hierarchical', 'tree'] as const;

const orNull = <Value>(written: Value | null | undefined): Value | null => written ?? null;

export const clusterFrom = (written: z.output<typeof clusterSchema>): Cluster => {
  const { accelerator: card, devicesPerNode } = written;
  return {
    ...written,
    accelerator: {
      ...card,
      peak: withoutAbsent(card.peak),
      narrowEfficiency: orNull(card.narrowEfficiency),
      kernels: orNull(card.kernels),
    },
    cores: orNull(written.cores),
    wake: orNull(written.wake),
    scaleUpDomain: written.scaleUpDomain ?? devicesPerNode,
    fabric: orNull(written.fabric),
    rails: written.rails ?? railsOf(devicesPerNode),
    hostMemory: written.hostMemory ?? hostMemoryOf(card.memory.value, devicesPerNode),
    hostMemoryBandwidth: written.hostMemoryBandwidth ?? hostMemoryBandwidthOf(devicesPerNode),
    price: written.price ?? [],
    hostPower: written.hostPower ?? hostPowerOf(card.power.value),
    collectives: written.collectives ?? NCCL,
    bestMfu: orNull(written.bestMfu),
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
  const { accelerator: card, scaleUp, nic, pcie } = cluster;
  const at = (path: string, message: string): Complaint => complaintAt(nearestAt(tree, path.split('.')), message);
  const positive: readonly (readonly [string, number])[] = [
    ...Object.entries(card.peak).map(([dtype, { value }]) => [`accelerator.peak.${dtype}`, value] as const),
    ['accelerator.matrixEfficiency', card.matrixEfficiency.value],
    ['accelerator.narrowEfficiency', card.narrowEfficiency?.value ?? 1],
    ...Object.entries(card.kernels?.products ?? {}).map(
      ([name, { rate }]) => [`accelerator.kernels.products.${name}`, rate.value] as const,
    ),
    ...Object.entries(card.kernels?.streams ?? {}).map(
      ([name, { value }]) => [`accelerator.kernels.streams.${name}`, value] as const,
    ),
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
  if (pue.value < 1) complaints.push(at('pue', `${pue.value} is below 1: a data centre draws what its devices draw`));
  return complaints;
};
