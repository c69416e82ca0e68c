/** What one rank's actors know: the job, the rank's place, its groups and its slice of the model. */
import type { LinkRate, Links } from '../collectives/link-rate.ts';
import { chooseAlgorithm } from '../collectives/choose-algorithm.ts';
import { groupShape } from '../collectives/group-shape.ts';
import type { Algorithm } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import type { ChooseAlgorithm, LayerContext } from '../model/context.ts';
import { layerContext } from '../model/context.ts';
import type { Chunk } from '../model/stages.ts';
import { chunksOf } from '../model/stages.ts';
import type { Link } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { bytesPerSecond } from '../units/quantity.ts';
import type { Place } from './mesh.ts';
import { dataGroup, placeOf, tensorGroup } from './mesh.ts';

export interface DeviceContext {
  readonly job: Job;
  readonly place: Place;
  readonly layer: LayerContext;
  readonly dataGroup: Group;
  readonly chunks: readonly Chunk[];
  readonly microbatches: number;
}

/** What the cluster's links achieve. */
export const linksOf = ({ cluster }: Pick<Job, 'cluster'>): Links => ({
  scaleUp: rateOf(cluster.scaleUp),
  nic: rateOf(cluster.nic),
});
const rateOf = ({ bandwidth, efficiency, latency }: Link): LinkRate => ({
  latency: latency.value,
  bandwidth: bytesPerSecond(bandwidth.value * efficiency.value),
});

export const deviceContext = (job: Job, self: Rank): DeviceContext => {
  const { layout, model, cluster } = job;
  const place = placeOf(layout, self);
  const links = linksOf(job);
  const layer = layerContext(job, tensorGroup(layout, place), algorithmsFor(cluster, links));
  return {
    job,
    place,
    layer,
    dataGroup: dataGroup(layout, place),
    chunks: chunksOf(model.layers, { pp: layout.pp, vp: layout.vp, stage: place.stage }),
    microbatches: microbatchesOf(job),
  };
};

/** Chooses among algorithms, and remembers: a rank asks for the same collectives again and again. */
const algorithmsFor = ({ scaleUpDomain }: Job['cluster'], links: Links): ChooseAlgorithm => {
  const chosen = new Map<string, Algorithm>();
  return ({ operation, group, payload }) => {
    const key = `${operation} ${group.axis} ${group.first} ${payload.elements} ${payload.dtype}`;
    let algorithm = chosen.get(key);
    if (algorithm === undefined) {
      algorithm = chooseAlgorithm({ operation, ...payload, group: groupShape(group, scaleUpDomain) }, links);
      chosen.set(key, algorithm);
    }
    return algorithm;
  };
};
