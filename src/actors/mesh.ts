/** The rank grid: tensor ranks side by side, then context, data and expert ranks, then pipeline stages (Megatron-LM's order). */
import type { Axis, Group } from '../effects/group.ts';
import { positionIn, railOf, runOf } from '../effects/group.ts';
import type { LayerGroups } from '../model/context.ts';
import type { Part } from '../model/unit.ts';
import type { Layout } from '../scenario/job.ts';
import { expertDataRanks } from '../scenario/job.ts';
import type { Rank, Stage } from '../units/identity.ts';
import { rank, stage } from '../units/identity.ts';

export interface Place {
  readonly rank: Rank;
  /** Index among the tensor ranks. */
  readonly tp: number;
  /** Index among the context ranks. */
  readonly cp: number;
  /** Index among the data ranks. */
  readonly dp: number;
  readonly stage: Stage;
}

/** Ranks of one pipeline stage. */
export const stageSize = ({ tp, cp, dp }: Pick<Layout, 'tp' | 'cp' | 'dp'>): number => tp * cp * dp;

export const placeOf = (layout: Pick<Layout, 'tp' | 'cp' | 'dp'>, self: Rank): Place => ({
  rank: self,
  tp: self % layout.tp,
  cp: Math.floor(self / layout.tp) % layout.cp,
  dp: Math.floor(self / (layout.tp * layout.cp)) % layout.dp,
  stage: stage(Math.floor(self / stageSize(layout))),
});
/** The rank at the same place of another stage. */
export const counterpart = (layout: Pick<Layout, 'tp' | 'cp' | 'dp'>, place: Place, other: number): Rank =>
  rank(place.rank + (other - place.stage) * stageSize(layout));

/** The ranks that share a layer's work with this one. */
export const layerGroups = (layout: Layout, place: Place): LayerGroups => {
  const { tp, cp, ep, etp } = layout;
  return {
    tensor: groupAt(layout, place, { axis: 'tp', stride: 1, size: tp }),
    context: groupAt(layout, place, { axis: 'cp', stride: tp, size: cp }),
    expertTensor: groupAt(layout, place, { axis: 'etp', stride: 1, size: etp }),
    expert: groupAt(layout, place, { axis: 'ep', stride: etp, size: ep }),
  };
};

/** The ranks that hold the same weights as this one: those that ZeRO shards among, and the replicas of its shard. */
export interface StateGroups {
  readonly shards: Group;
  readonly replicas: Group;
}
export const stateGroups = (layout: Layout, place: Place): Readonly<Record<Part, StateGroups>> => {
  const { tp, cp, dp, ep, etp, replicas } = layout;
  const same = groupAt(layout, place, { axis: 'dp', stride: tp, size: cp * dp });
  const sameExperts = groupAt(layout, place, { axis: 'edp', stride: ep * etp, size: expertDataRanks(layout) });
  const shared = divided(same, replicas, place.rank);
  return { shared, table: shared, experts: divided(sameExperts, replicas, place.rank) };
};

const divided = (group: Group, replicas: number, self: Rank): StateGroups => {
  const shards = group.size / replicas;
  const position = positionIn(group, self);
  return { shards: runOf(group, shards, position), replicas: { ...railOf(group, shards, position), axis: 'replica' } };
};

/** Of the stage's ranks those that differ from this one in one digit of their index only. */
const groupAt = (
  layout: Layout,
  place: Place,
  { axis, stride, size }: { axis: Axis; stride: number; size: number },
): Group => {
  const start = place.stage * stageSize(layout);
  const local = place.rank - start;
  const position = Math.floor(local / stride) % size;
  return { axis, first: rank(start + local - position * stride), stride, size };
};
