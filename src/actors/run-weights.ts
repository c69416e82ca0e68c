/** The weights that a run of units computes with: resident ones, or those gathered for the time of a pass. */
import type { Tensor } from '../effects/tensor.ts';
import { part as partOf } from '../effects/tensor.ts';
import type { Flat } from '../model/context.ts';
import type { Part } from '../model/unit.ts';
import { EMBEDDING } from '../model/unit.ts';
import { blockId } from '../units/identity.ts';
import { zeroBytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';
import type { Bucket, ChunkState, Run } from './model-chunk.ts';
import type { Buffers } from './optimizer-shard.ts';
import type { UnitAtWork } from './unit-pass.ts';

/** What a run works with instead of what is resident: gathered weights, and where gradients are collected. */
export interface Instead {
  readonly run: Run;
  readonly whole: Buffers | null;
  readonly gradients: Buffers | null;
}

/** The run's units with weights to compute with; `whole` and `gradients` hold the run's when only shards stay here. */
export const unitsAtWork = (context: DeviceContext, state: ChunkState, instead: Instead): readonly UnitAtWork[] => {
  const { run } = instead;
  return state.buckets
    .filter(({ start, end }) => start < run.end && end > run.start)
    .flatMap((bucket) => unitsOfBucket(context, state, bucket, instead));
};

const unitsOfBucket = (
  context: DeviceContext,
  { units, buckets }: ChunkState,
  bucket: Bucket,
  { whole, gradients }: Instead,
): readonly UnitAtWork[] => {
  const offsets: Record<Part, number> = { shared: 0, table: 0, experts: 0 };
  const take = (part: Part, unit: (typeof units)[number]): Flat | null => {
    const holding = bucket.holdings[part];
    const length = unit.elements[part];
    if (holding === null || length === 0) return null;
    const start = offsets[part];
    offsets[part] += length;
    const at = (buffers: Buffers | null, own: Tensor): Tensor => partOf(buffers?.byPart[part] ?? own, start, length);
    return {
      parameters: context.layer.parametersOf(unit.unit)[part],
      values: at(whole, holding.values),
      gradients: at(gradients, holding.gradients),
    };
  };
  /** The embedding's table is the first of its bucket's. */
  const tied = (): Flat => {
    const parameters = context.layer.parametersOf(EMBEDDING).table;
    const { values, gradients: own } = buckets[0]!.holdings.table!;
    const isHere = bucket === buckets[0];
    const at = (buffers: Buffers | null, resident: Tensor): Tensor =>
      partOf((isHere ? buffers?.byPart.table : buffers?.borrowed) ?? resident, 0, parameters[0]!.elements);
    return { parameters, values: at(whole, values), gradients: at(gradients, own) };
  };
  return units.slice(bucket.start, bucket.end).map((unit) => {
    const shared = take('shared', unit) ?? NOTHING;
    const weights = { ...shared, table: take('table', unit), experts: take('experts', unit) };
    return { unit: unit.unit, recompute: unit.recompute, weights, tied: unit.sharesTable ? tied() : null };
  });
};

/** Of a unit that has nothing but its table. */
const NOBODYS: Tensor = {
  shape: [0],
  dtype: 'fp32',
  block: { id: blockId(-1), size: zeroBytes, purpose: 'weights', at: null },
  offset: 0,
};
const NOTHING: Flat = { parameters: [], values: NOBODYS, gradients: NOBODYS };
