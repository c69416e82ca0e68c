/** Which cluster file a row's card is in, and what the row says of its own cluster. */
import type { Cluster } from '../scenario/cluster.ts';
import { bytesPerSecond } from '../units/quantity.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { BITS_PER_BYTE, GIGA } from './row-unit.ts';
import type { Row } from './row.ts';

/** The first pattern that matches names the cluster: the special cards come before the plain one. */
const CLUSTERS: readonly (readonly [pattern: RegExp, cluster: string])[] = [
  [/A100.*PCIe/i, 'a100-pcie'],
  [/A800/, 'a800-sxm'],
  [/A100.*40 ?GB/, 'dgx-a100-40g'],
  [/A100/, 'dgx-a100-80g'],
  [/H100.*96 ?GB/, 'h100-96g'],
  [/H100.*PCIe/i, 'h100-pcie'],
  [/H800/, 'h800-hcc'],
  [/GH200/, 'gh200'],
  [/H200/, 'dgx-h200'],
  [/H100/, 'dgx-h100'],
  [/H20\b/, 'h20'],
  [/GB300/, 'gb300-nvl72'],
  [/B300/, 'dgx-b300'],
  [/GB200/, 'gb200-nvl72'],
  [/B200/, 'dgx-b200'],
  [/V100.*(DGX-2|SXM3)/, 'dgx2-v100'],
  [/V100/, 'v100-sxm2'],
  [/MI300X/, 'mi300x'],
  [/MI325X/, 'mi325x'],
  [/MI355X/, 'mi355x'],
  [/910C/, 'ascend-910c'],
  [/910B/, 'ascend-910b'],
  [/RTX ?4090/i, 'rtx-4090'],
  [/L40S/, 'l40s'],
  [/TPU v4/, 'tpu-v4'],
  [/TPU v5e/, 'tpu-v5e'],
  [/TPU v5p/, 'tpu-v5p'],
  [/TPU v6e/, 'tpu-v6e'],
];

/** Null for a card that no cluster file has. */
export const clusterNameOf = (card: string): string | null =>
  CLUSTERS.find(([pattern]) => pattern.test(card))?.[1] ?? null;

/** The card without what the source says of its site: `A100-SXM4-80GB (Jean Zay)` is an `A100-SXM4-80GB`. */
export const cardOf = (row: Row): string => row.hw.gpu?.replace(/\s*\(.*$/, '') ?? 'unknown';

/** The catalogue's cluster with the row's own node, network and domain. */
export const clusterOf = ({ hw }: Row, catalogued: Cluster): Cluster => {
  const devicesPerNode = hw.gpus_per_node ?? catalogued.devicesPerNode;
  const { nic } = catalogued;
  const source = 'the measured row';
  return {
    ...catalogued,
    devicesPerNode,
    scaleUpDomain: hw.nvlink_domain ?? domainOf(devicesPerNode, catalogued),
    rails: { ...catalogued.rails, value: Math.min(catalogued.rails.value, devicesPerNode) },
    nic:
      hw.inter_gbps_per_gpu === null || hw.inter_gbps_per_gpu === 0
        ? nic
        : {
            ...nic,
            bandwidth: {
              value: bytesPerSecond((hw.inter_gbps_per_gpu * GIGA) / BITS_PER_BYTE),
              from: 'datasheet',
              source,
            },
          },
  };
};

/** A rack's domain of many nodes holds nodes of any size that divides it; else the domain is the node. */
const domainOf = (devicesPerNode: number, { scaleUpDomain, devicesPerNode: catalogued }: Cluster): number =>
  scaleUpDomain > catalogued && scaleUpDomain % devicesPerNode === 0 ? scaleUpDomain : devicesPerNode;

/**
 * A job that is larger than a domain takes as many cards of each: 256 cards in racks of 72 are four times 64. Else a group
 * of 64 ranks would be cut at the racks' ends, and no scheduler places it so.
 */
export const evenDomains = (cluster: Cluster, devices: number): Filled<Cluster> => {
  const { scaleUpDomain, devicesPerNode } = cluster;
  if (devices <= scaleUpDomain || devices % scaleUpDomain === 0) return stated(cluster);
  const share = multiplesDown(scaleUpDomain, devicesPerNode).find((size) => devices % size === 0);
  return share === undefined
    ? stated(cluster)
    : assume({ ...cluster, scaleUpDomain: share }, `${share} cards of each domain of ${scaleUpDomain}`);
};

/** The multiples of `unit` below `limit`, the largest first. */
const multiplesDown = (limit: number, unit: number): readonly number[] =>
  Array.from({ length: Math.ceil(limit / unit) - 1 }, (_, index) => unit * (Math.ceil(limit / unit) - 1 - index));
