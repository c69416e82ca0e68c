/** Which cluster file a row's card is in, and what the row says of its own cluster. */
import type { Cluster } from '../scenario/cluster.ts';
import { bytesPerSecond } from '../units/quantity.ts';
import { BITS_PER_BYTE, GIGA } from './row-unit.ts';
import type { Row } from './row.ts';

/** The first pattern that matches names the cluster: the special cards come before the plain one. */
const CLUSTERS: readonly (readonly [pattern: RegExp, cluster: string])[] = [
  [/A100.*PCIe/i, 'a100-pcie'],
  [/A800/, 'a800-sxm'],
  [/A100.*40 ?GB/, 'dgx-a100-40g'],
  [/A100/, 'dgx-a100-80g'],
  [/H100.*96 ?GB/, 'h100-96g'],
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
  [/MI355X/, 'mi355x'],
  [/910C/, 'ascend-910c'],
  [/910B/, 'ascend-910b'],
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
