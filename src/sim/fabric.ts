/** How the groups of a rank lie on the fabric: ranks whose groups lie alike take as long for the same work. */
import type { StateGroups } from '../actors/mesh.ts';
import { stageSize } from '../actors/mesh.ts';
import { groupShape } from '../collectives/group-shape.ts';
import type { LayerGroups } from '../model/context.ts';
import { PARTS } from '../model/unit.ts';
import type { Part } from '../model/unit.ts';
import type { Layout } from '../scenario/job.ts';

/** Where stages and domains nest, the groups of all stages lie alike. */
export const liesAlike = (layout: Layout, scaleUpDomain: number): boolean => {
  const size = stageSize(layout);
  return size % scaleUpDomain === 0 || scaleUpDomain % size === 0;
};

/** Of the groups that a layer's work is shared in: all that the time of its sections depends on. */
export const layerFabric = (groups: LayerGroups, scaleUpDomain: number): string => {
  const { tensor, context, expert, expertTensor } = groups;
  return [tensor, context, expert, expertTensor].map((group) => groupShape(group, scaleUpDomain).domain).join(' ');
};

/** Of the groups that hold the same weights. */
export const stateFabric = (states: Readonly<Record<Part, StateGroups>>, scaleUpDomain: number): string =>
  PARTS.flatMap((part) => [states[part].shards, states[part].replicas])
    .map((group) => groupShape(group, scaleUpDomain).domain)
    .join(' ');
