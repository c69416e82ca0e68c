/** The ranks of one collective: every `stride`-th rank from `first`. */
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';

/**
 * The axes of the rank grid along which messages travel: tensor, context, pipeline and data ranks, expert ranks, the
 * tensor and the data ranks of experts, the replicas of sharded states; `control` carries the job supervisor's reports.
 */
export const AXES = ['tp', 'cp', 'pp', 'dp', 'ep', 'etp', 'edp', 'replica', 'control'] as const;
export type Axis = (typeof AXES)[number];

export interface Group {
  readonly axis: Axis;
  readonly first: Rank;
  readonly stride: number;
  readonly size: number;
}

export const member = (group: Group, position: number): Rank => rank(group.first + position * group.stride);
export const positionIn = (group: Group, self: Rank): number => (self - group.first) / group.stride;

/** The group's `size / count` consecutive runs of `count` members; this one holds `position`. */
export const runOf = (group: Group, count: number, position: number): Group => ({
  ...group,
  first: member(group, position - (position % count)),
  size: count,
});
/** Every `count`-th member of the group, the one at `position` among them. */
export const railOf = (group: Group, count: number, position: number): Group => ({
  ...group,
  first: member(group, position % count),
  stride: group.stride * count,
  size: group.size / count,
});
