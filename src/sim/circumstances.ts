/** From what a scenario says is not as it should be to what each rank, card and link is like. */
import type { Conditions, FabricPlan, Straggler } from '../scenario/conditions.ts';
import type { Job } from '../scenario/job.ts';
import { Draws } from './draws.ts';
import type { Noise } from './crowd/crowd.ts';
import type { Circumstances } from './full.ts';
import type { Fault, Wiring } from './network/wiring.ts';
import { Fabric } from './network/wiring.ts';

/** Ranks sit on cards as `order` says of their nodes: node n of the job is node `order[n]` of the cluster. */
export const circumstancesOf = (
  job: Job,
  conditions: Conditions,
  { fabric, order }: { readonly fabric: FabricPlan; readonly order: Int32Array | null },
): Circumstances => {
  const wiring = wiringOf(job, fabric);
  return {
    cards: order === null ? null : cardsOf(job, order),
    slowness: slownessOf(job, conditions.slow),
    noise: noiseOf(job, conditions.jitter),
    network: conditions.network === 'private' ? null : { wiring, faults: faultsOf(wiring, conditions) },
  };
};

/** A cluster is as large as the job: what else runs on it is not known. */
const nodesOf = ({ devices, cluster }: Job): number => Math.ceil(devices / cluster.devicesPerNode);

export const wiringOf = (job: Job, fabric: FabricPlan): Wiring => ({
  ...fabric,
  perNode: job.cluster.devicesPerNode,
  nodes: nodesOf(job),
  seed: job.seed,
});

const cardsOf = ({ devices, cluster: { devicesPerNode } }: Job, order: Int32Array): Int32Array =>
  Int32Array.from(
    { length: devices },
    (_, rank) => order[Math.floor(rank / devicesPerNode)]! * devicesPerNode + (rank % devicesPerNode),
  );

/** Whole nodes in an order of the seed's (Fisher and Yates 1938); scale-up domains stay together. */
export const randomOrder = (job: Job): Int32Array => {
  const { devicesPerNode, scaleUpDomain } = job.cluster;
  const together = Math.max(1, Math.floor(scaleUpDomain / devicesPerNode));
  const draws = new Draws(job.seed);
  const blocks = Array.from({ length: Math.floor(nodesOf(job) / together) }, (_, block) => block);
  for (let last = blocks.length - 1; last > 0; last--) {
    const other = Math.floor(draws.next('placement') * (last + 1));
    [blocks[last], blocks[other]] = [blocks[other]!, blocks[last]!];
  }
  return Int32Array.from({ length: nodesOf(job) }, (_, node) => {
    const block = blocks[Math.floor(node / together)];
    return block === undefined ? node : block * together + (node % together);
  });
};

const slownessOf = ({ devices, cluster: { devicesPerNode } }: Job, slow: readonly Straggler[]): Float64Array | null => {
  const cards = slow.filter(({ what }) => what !== 'leaf');
  if (cards.length === 0) return null;
  const slowness = new Float64Array(Math.ceil(devices / devicesPerNode) * devicesPerNode).fill(1);
  for (const { what, index, by } of cards) {
    const [first, count] = what === 'card' ? [index, 1] : [index * devicesPerNode, devicesPerNode];
    for (let card = first; card < first + count; card++) slowness[card]! *= 1 + by;
  }
  return slowness;
};

const faultsOf = (wiring: Wiring, { slow, links }: Conditions): readonly Fault[] => {
  const fabric = new Fabric(wiring);
  return [
    ...links.map(({ link, left }) => ({ link, rate: left })),
    ...slow
      .filter(({ what }) => what === 'leaf')
      .flatMap(({ index, by }) => fabric.linksOfLeaf(index).map((link) => ({ link, rate: 1 / (1 + by) }))),
  ];
};

/** Factors to choose from; as many as make a mean of a thousandth's accuracy. */
const FACTORS = 4096;

const noiseOf = (job: Job, { compute, network }: Conditions['jitter']): Noise | null => {
  if (compute === 0 && network === 0) return null;
  const draws = new Draws(job.seed);
  const factors = (stream: string, spread: number): Float64Array =>
    Float64Array.from({ length: FACTORS }, () => Math.exp(spread * normal(draws, stream)));
  return { compute: factors('compute jitter', compute), network: factors('network jitter', network) };
};
/** Of the standard normal distribution (Box and Muller 1958). */
const normal = (draws: Draws, stream: string): number =>
  Math.sqrt(-2 * Math.log(1 - draws.next(stream))) * Math.cos(2 * Math.PI * draws.next(stream));
