/** What one rank's actors know: the job, the rank's place, its groups and its slice of the model. */
import type { LinkRate, Links } from '../collectives/link-rate.ts';
import { chooseAlgorithm } from '../collectives/choose-algorithm.ts';
import { groupShape } from '../collectives/group-shape.ts';
import type { Algorithm } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import type { ChooseAlgorithm, LayerContext } from '../model/context.ts';
import { layerContext } from '../model/context.ts';
import type { Seat } from '../model/shares.ts';
import type { Chunk } from '../model/stages.ts';
import { chunksByPosition } from '../model/stages.ts';
import type { Part } from '../model/unit.ts';
import type { Link } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { bytesPerSecond } from '../units/quantity.ts';
import type { Place, StateGroups } from './mesh.ts';
import { layerGroups, placeOf, stateGroups } from './mesh.ts';
import type { Schedule } from './schedules/pass-order.ts';
import type { MicrobatchRange } from './schedules/placement.ts';
import { microbatchesThrough, placementOf, positionAt } from './schedules/placement.ts';
import { scheduleNamed } from './schedules/schedule.ts';

export interface DeviceContext {
  readonly job: Job;
  readonly place: Place;
  readonly layer: LayerContext;
  /** The ranks that hold the same weights, and those that hold the same experts. */
  readonly states: Readonly<Record<Part, StateGroups>>;
  /** Which parts of the model's tensors the rank has, of experts and of all else. */
  readonly seat: Readonly<Record<Part, Seat>>;
  readonly chunks: readonly Chunk[];
  /** In which order the rank runs its passes: the one that the layout names, or one that places chunks as that does. */
  readonly schedule: Schedule;
  readonly microbatches: number;
  /** Those of the microbatches that go through each of the chunks. */
  readonly ranges: readonly MicrobatchRange[];
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

export const deviceContext = (
  job: Job,
  self: Rank,
  schedule: Schedule = scheduleNamed(job.layout.schedule),
): DeviceContext => {
  const { layout, model, cluster } = job;
  const place = placeOf(layout, self);
  const links = linksOf(job);
  const layer = layerContext(job, { self, groups: layerGroups(layout, place) }, algorithmsFor(cluster, links));
  const byPosition = chunksByPosition(model, layout);
  const indices = Array.from({ length: layout.vp }, (_, chunk) => chunk);
  const microbatches = microbatchesOf(job);
  return {
    job,
    place,
    layer,
    states: stateGroups(layout, place),
    seat: seatsOf(job, self),
    schedule,
    chunks: indices.map((chunk) => byPosition[positionAt(layout, { stage: place.stage, chunk })]!),
    microbatches,
    ranges: indices.map((chunk) => microbatchesThrough(placementOf(layout.schedule), chunk, microbatches)),
  };
};

const seatsOf = ({ model, layout }: Job, self: Rank): DeviceContext['seat'] => {
  const { tensor, expert, expertTensor } = layerGroups(layout, placeOf(layout, self));
  const own = (model.experts?.count ?? 0) / layout.ep;
  const shared = { ranks: tensor.size, index: positionIn(tensor, self), firstExpert: 0 };
  return {
    shared,
    table: shared,
    experts: {
      ranks: expertTensor.size,
      index: positionIn(expertTensor, self),
      firstExpert: own * positionIn(expert, self),
    },
  };
};

/** Chooses among algorithms, and remembers: a rank asks for the same collectives again and again. */
const algorithmsFor = ({ scaleUpDomain, collectives }: Job['cluster'], links: Links): ChooseAlgorithm => {
  const chosen = new Map<string, Algorithm>();
  return ({ operation, group, payload }) => {
    const key = `${operation} ${group.axis} ${group.first} ${group.size} ${payload.elements} ${payload.dtype}`;
    let algorithm = chosen.get(key);
    if (algorithm === undefined) {
      const asked = { operation, ...payload, group: groupShape(group, scaleUpDomain) };
      algorithm = chooseAlgorithm(asked, links, collectives);
      chosen.set(key, algorithm);
    }
    return algorithm;
  };
};
