/** What a datasheet leaves out: an assumption for each such figure, with its reason, in clusters that do not state it. */
import type { Bytes, Watts } from '../units/quantity.ts';
import { bytes, bytesPerSecond, ratio, seconds, times, watts } from '../units/quantity.ts';
import type { Cluster, Figure, Link } from './cluster.ts';

const assumed = <Q extends number>(value: Q, source: string): Figure<Q> => ({ value, from: 'assumed', source });

export const MATRIX_EFFICIENCY = assumed(
  ratio(0.79),
  'the middle of thirteen cards measured by stas00/ml-engineering (MAMF), which lie between 0.51 and 0.97',
);
export const MEMORY_EFFICIENCY = assumed(
  ratio(0.88),
  'streaming kernels on HBM cards report 85 to 93% of the datasheet',
);
export const MULTIPROCESSORS = assumed(128, 'between the 108 of an A100 and the 148 of a B200');
export const LAUNCH = assumed(seconds(4e-6), 'between the 3.5 us of an H100 and the 5 us of a V100');
export const CARD_POWER = assumed(watts(700), 'as H100 SXM; cards for training draw 300 W to 1.4 kW');
export const PUE = assumed(
  ratio(1.2),
  "between the average of Google's fleet (1.10) and of the Uptime Institute survey (1.58), both of 2023",
);

type Course = Omit<Link, 'bandwidth'>;

/** Rings of NCCL reach 0.78 of NVLink 3, 0.82 of NVLink 4 and 0.76 of NVLink 5 (nccl-tests, NVIDIA at GTC 2024). */
export const SCALE_UP: Course = {
  efficiency: assumed(ratio(0.78), 'large messages on NVLink reach 0.76 to 0.82 of the datasheet'),
  latency: assumed(seconds(2e-6), 'a step of a ring over NVLink'),
};
export const NIC: Course = {
  efficiency: assumed(ratio(0.92), 'between 0.86 and 0.96, as measured on 200 and 400 Gbps NICs'),
  latency: assumed(seconds(5e-6), 'InfiniBand takes 2.8 to 3.7 us one way between hosts, to which the software adds'),
};
export const PCIE: Link = {
  bandwidth: assumed(bytesPerSecond(31.5e9), 'PCIe 4.0 x16 after encoding'),
  efficiency: assumed(ratio(0.76), 'all-reduce over PCIe 4.0 and 5.0 reaches 76% (NVIDIA NCCL talk, GTC 2024)'),
  latency: assumed(seconds(2e-6), 'a DMA transfer set up by the host'),
};

/** One a device, as in DGX. */
export const railsOf = (devicesPerNode: number): Cluster['rails'] => assumed(devicesPerNode, 'one NIC a device');

export const hostMemoryOf = (memory: Bytes, devicesPerNode: number): Cluster['hostMemory'] =>
  assumed(
    times(memory, 2 * devicesPerNode),
    "twice the memory of the node's cards; DGX hosts hold 1.4 to 3 times as much",
  );

const HOST_BANDWIDTH = 409.6e9;
export const hostMemoryBandwidthOf = (devicesPerNode: number): Cluster['hostMemoryBandwidth'] =>
  assumed(
    bytesPerSecond(HOST_BANDWIDTH / devicesPerNode),
    'two sockets of 8 channels DDR4-3200, 409.6 GB/s, shared by the devices of the node',
  );

export const SSD: Cluster['ssd'] = {
  capacity: assumed(bytes(30e12), 'as DGX A100 and H100'),
  bandwidth: assumed(bytesPerSecond(3e9), 'half of what a PCIe 4.0 drive reads, one a device'),
};

/** In a DGX H100 host, switches and fans draw 575 W beside each card of 700 W; in a DGX B200 787 W beside 1 kW. */
const HOST_SHARE = 0.8;
export const hostPowerOf = (card: Watts): Cluster['hostPower'] =>
  assumed(times(card, HOST_SHARE), "four fifths of the card's, as in DGX H100 and B200");
