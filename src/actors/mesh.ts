/** The rank grid: tensor ranks side by side, then data ranks, then pipeline stages (Megatron-LM's order). */
import type { Group } from '../effects/group.ts';
import type { Layout } from '../scenario/job.ts';
import type { Rank, Stage } from '../units/identity.ts';
import { rank, stage } from '../units/identity.ts';

export interface Place {
  readonly rank: Rank;
  /** Index among the tensor ranks. */
  readonly tp: number;
  /** Index among the data ranks. */
  readonly dp: number;
  readonly stage: Stage;
}

type Grid = Pick<Layout, 'tp' | 'dp' | 'pp'>;

export const placeOf = ({ tp, dp }: Grid, self: Rank): Place => ({
  rank: self,
  tp: self % tp,
  dp: Math.floor(self / tp) % dp,
  stage: stage(Math.floor(self / (tp * dp))),
});
/** The rank at the same place of another stage. */
export const counterpart = ({ tp, dp }: Grid, place: Place, other: number): Rank =>
  rank(other * tp * dp + place.dp * tp + place.tp);

/** The ranks that split this rank's layers. */
export const tensorGroup = ({ tp }: Grid, place: Place): Group => ({
  axis: 'tp',
  first: rank(place.rank - place.tp),
  stride: 1,
  size: tp,
});
/** The ranks that hold the same part of the model as this one. */
export const dataGroup = ({ tp, dp }: Grid, place: Place): Group => ({
  axis: 'dp',
  first: rank(place.rank - place.dp * tp),
  stride: tp,
  size: dp,
});
