/** The rank grids that a row may have run on: the one it states, else all that are consistent, preferred first. */
import type { ContextKind, Layout } from '../scenario/job.ts';
import type { Model } from '../scenario/model.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { habitsOf } from './framework.ts';
import type { Row } from './row.ts';

export type Grid = Pick<Layout, 'tp' | 'cp' | 'contextKind' | 'ep' | 'etp' | 'pp' | 'dp' | 'zero' | 'replicas'>;

interface Ranked {
  readonly model: Model;
  readonly devices: number;
}

const TP_MAX = 8;
const PP_MAX = 64;
const powersUpTo = (limit: number): number[] =>
  Array.from({ length: Math.floor(Math.log2(limit)) + 1 }, (_, power) => 2 ** power);

export const gridsOf = (row: Row, ranked: Ranked): readonly Filled<Grid>[] => {
  const asked = zeroOf(row);
  const context = contextOf(row);
  const { cp } = context.value;
  return replicasOf(row, ranked, asked.value).flatMap(({ value: { tp, pp }, assumed }) => {
    const zero = underPipeline(asked.value, pp);
    const dp = ranked.devices / (tp * cp * pp);
    const sharding = shardingOf(row, cp * dp);
    return expertRanksOf(row, ranked.model, tp * cp * dp).map((experts) => ({
      value: { tp, pp, dp, zero: zero.value, ...context.value, ...experts.value, replicas: sharding.value },
      assumed: [
        ...assumed,
        ...[asked, zero, context, experts, sharding].flatMap((part) => part.assumed),
        ...dpWords(row, dp),
      ],
    }));
  });
};

/** The ranks that hold one copy of the model. */
const replicasOf = (
  row: Row,
  { devices, model }: Ranked,
  zero: Layout['zero'],
): readonly Filled<Pick<Layout, 'tp' | 'pp'>>[] => {
  const { tp, pp } = row;
  const left = devices / (row.cp ?? 1);
  if (tp !== null && pp !== null) return [stated({ tp, pp })];
  if (tp !== null) return [assume({ tp, pp: rest(row, left / tp) }, `pp ${rest(row, left / tp)}: not stated`)];
  if (pp !== null) return [assume({ tp: rest(row, left / pp), pp }, `tp ${rest(row, left / pp)}: not stated`)];
  if (zero === 3) return [assume({ tp: 1, pp: 1 }, 'tp 1, pp 1: ZeRO 3 shards the model over the data ranks')];
  return powersUpTo(TP_MAX)
    .flatMap((ranks) => powersUpTo(Math.min(PP_MAX, model.layers)).map((stages) => ({ tp: ranks, pp: stages })))
    .sort((a, b) => a.tp * a.pp - b.tp * b.pp || a.pp - b.pp)
    .map((replica) =>
      assume(replica, `tp ${replica.tp}, pp ${replica.pp}: not stated; the fewest cards a replica that fit`),
    );
};

/** Ranks left for the axis that is not stated, if the data ranks are. */
const rest = ({ dp }: Row, ranks: number): number => (dp !== null && ranks % dp === 0 ? ranks / dp : 1);

const dpWords = ({ dp }: Row, derived: number): readonly string[] =>
  dp === derived || dp === null ? [] : [`dp ${derived}: from the cards, where the row says ${dp}`];

/** Where a row names the kind in its id or its notes alone, that counts too; Megatron-Core and torchtitan pass keys round. */
const contextOf = (row: Row): Filled<Pick<Grid, 'cp' | 'contextKind'>> => {
  const cp = row.cp ?? 1;
  if (cp === 1) return stated({ cp, contextKind: 'ring' });
  const named = row.cp_kind ?? contextKindIn(`${row.id} ${row.notes ?? ''}`);
  return named === null
    ? assume({ cp, contextKind: 'ring' }, 'cp_kind ring: not stated')
    : stated({ cp, contextKind: named });
};

const contextKindIn = (words: string): ContextKind | null => {
  if (/ulysses|all-to-all|a2a/i.test(words)) return 'all-to-all';
  return /\bring\b/i.test(words) ? 'ring' : null;
};

/** Ranks of the experts: of an open number the fewest are tried first; the tensor ranks of others are folded into them. */
const expertRanksOf = (
  { ep, etp }: Row,
  { experts }: Model,
  ranks: number,
): readonly Filled<Pick<Layout, 'ep' | 'etp'>>[] => {
  if (experts === null) return [stated({ ep: ep ?? 1, etp: 1 })];
  const tensor = etp === null ? assume(1, 'etp 1: not stated') : stated(etp);
  if (ep !== null) return [{ value: { ep, etp: tensor.value }, assumed: ep === 1 ? [] : tensor.assumed }];
  const fitting = powersUpTo(experts.count).filter(
    (degree) => degree === 1 || (experts.count % degree === 0 && ranks % (degree * tensor.value) === 0),
  );
  return fitting.map((degree) => ({
    value: { ep: degree, etp: tensor.value },
    assumed: [`ep ${degree}: not stated; the fewest that fit`, ...tensor.assumed],
  }));
};

const zeroOf = (row: Row): Filled<Layout['zero']> => {
  if (row.zero !== null) return stated(row.zero);
  const habits = habitsOf(row);
  return assume(habits.zero, `zero ${habits.zero}: the habit of ${habits.name}`);
};

/** To shard the gradients of a pipeline they would be reduced once a microbatch: engines reduce them once a step. */
const underPipeline = (zero: Layout['zero'], pp: number): Filled<Layout['zero']> =>
  zero === 2 && pp > 1 ? assume(1, 'zero 1: under a pipeline gradients are reduced once a step') : stated(zero);

/** Groups of the data and context ranks that each hold all of what ZeRO shards. */
const shardingOf = ({ zero_group: group }: Row, ranks: number): Filled<number> => {
  if (group === null || group === 'all' || group === ranks) return stated(1);
  return typeof group === 'number' && ranks % group === 0
    ? stated(ranks / group)
    : assume(1, `ZeRO shards over all ${ranks} data ranks: groups of ${group} do not divide them`);
};
