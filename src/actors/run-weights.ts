/** The weights that a pass computes with: those that stay on the rank, or those that were brought here for a run of units. */
import type { Tensor } from '../effects/tensor.ts';
import { part as partOf } from '../effects/tensor.ts';
import type { Flat } from '../model/context.ts';
import type { Part } from '../model/unit.ts';
import { EMBEDDING } from '../model/unit.ts';
import type { DeviceContext } from './device-context.ts';
import type { ChunkState, Run } from './model-chunk.ts';
import { sharesTable } from './model-chunk.ts';
import type { ByPart } from './optimizer-shard.ts';
import type { UnitAtWork } from './unit-pass.ts';

/** The run's units with weights to compute with; `whole` and `gradients` hold the run's when only shards stay here. */
export const unitsAtWork = (
  context: DeviceContext,
  { chunk, units }: ChunkState,
  { run, whole, gradients }: { run: Run; whole: ByPart | null; gradients: ByPart | null },
): readonly UnitAtWork[] => {
  const offsets: Record<Part, number> = { shared: 0, experts: 0 };
  /** The next `length` elements of a part. */
  const take = (part: Part, resident: Flat, length: number): Flat => {
    const at = (flat: ByPart | null, own: Tensor): Tensor => {
      const tensor = flat?.[part] ?? null;
      return tensor === null ? own : partOf(tensor, offsets[part], length);
    };
    const taken = { ...resident, values: at(whole, resident.values), gradients: at(gradients, resident.gradients) };
    offsets[part] += length;
    return taken;
  };
  return units.slice(run.start, run.end).map(({ unit, recompute, elements, borrowed, resident }) => {
    const shared = take('shared', resident, elements.shared);
    const experts = resident.experts === null ? null : take('experts', resident.experts, elements.experts);
    const parameters = context.layer.parametersOf(EMBEDDING).shared;
    const tied = sharesTable(context, unit, chunk)
      ? { ...take('shared', units[0]!.resident, borrowed), parameters }
      : null;
    return { unit, recompute, weights: { ...shared, experts }, tied };
  });
};
