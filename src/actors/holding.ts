/** What a rank holds of one part of a bucket of units: weights and gradients, each one flat tensor, whole or a shard of it. */
import type { Share, ShareRun } from '../effects/share.ts';
import type { Tensor } from '../effects/tensor.ts';
import { part, segmentLength, segmentStart } from '../effects/tensor.ts';
import { positionIn } from '../effects/group.ts';
import type { Parameter } from '../model/parameter.ts';
import { sharesOf } from '../model/shares.ts';
import type { Part, Unit } from '../model/unit.ts';
import type { DeviceContext } from './device-context.ts';

/** Elements `start` to `start + length` of a flat tensor. */
export interface Stretch {
  readonly start: number;
  readonly length: number;
}

/** A unit among those of its chunk. */
export interface PlacedUnit {
  readonly unit: Unit;
  /** In front of the names of its weights in the whole model. */
  readonly name: string;
}

export interface Holding {
  readonly part: Part;
  readonly units: readonly PlacedUnit[];
  /** Elements of the whole, as one tensor rank has them. */
  readonly elements: number;
  /** Of the whole those that this rank updates: all of them, or its shard. */
  readonly own: Stretch;
  /** Whole, or from ZeRO 3 on the rank's shard. */
  readonly values: Tensor;
  /** Whole, or from ZeRO 2 on the rank's shard. */
  readonly gradients: Tensor;
}

/** What the rank updates of so many elements. */
export const ownStretch = ({ states, place, job }: DeviceContext, of: Part, elements: number): Stretch => {
  if (job.layout.zero === 0) return { start: 0, length: elements };
  const { shards } = states[of];
  const position = positionIn(shards, place.rank);
  return {
    start: segmentStart(elements, shards.size, position),
    length: segmentLength(elements, shards.size, position),
  };
};

/** The parameters of a holding with their places in the whole. */
export function* parametersIn(
  context: DeviceContext,
  { part: of, units }: Pick<Holding, 'part' | 'units'>,
): Generator<{ readonly unit: PlacedUnit; readonly parameter: Parameter; readonly start: number }> {
  let start = 0;
  for (const unit of units)
    for (const parameter of context.layer.parametersOf(unit.unit)[of]) {
      yield { unit, parameter, start };
      start += parameter.elements;
    }
}

/** Of `a` what lies in `b` too; null if nothing does. */
const common = (a: Stretch, b: Stretch): Stretch | null => {
  const start = Math.max(a.start, b.start);
  const length = Math.min(a.start + a.length, b.start + b.length) - start;
  return length > 0 ? { start, length } : null;
};

/** The stretches that the rank updates of the parameters that `wanted` picks; neighbours are one stretch. */
export const stretchesOf = (
  context: DeviceContext,
  holding: Holding,
  wanted: (parameter: Parameter) => boolean,
): readonly Stretch[] => {
  const found: { start: number; length: number }[] = [];
  for (const { parameter, start } of parametersIn(context, holding)) {
    if (!wanted(parameter)) continue;
    const stretch = common({ start, length: parameter.elements }, holding.own);
    const last = found.at(-1);
    if (stretch === null) continue;
    if (last !== undefined && last.start + last.length === stretch.start) last.length += stretch.length;
    else found.push({ ...stretch });
  }
  return found;
};

/** A stretch of the whole in a tensor that holds all of it, or only what the rank updates. */
export const stretchIn = (tensor: Tensor, { elements, own }: Holding, { start, length }: Stretch): Tensor => {
  const isWhole = tensor.shape[0] === elements;
  return part(tensor, isWhole ? start : start - own.start, length);
};

/** Which elements of which tensors of the model stand in a stretch of the whole, in order. */
export const shareRunsOf = (context: DeviceContext, holding: Holding, within: Stretch): readonly ShareRun[] => {
  const runs: ShareRun[] = [];
  for (const { share, start, length } of sharesIn(context, holding)) {
    const stretch = common({ start, length }, within);
    if (stretch !== null) runs.push({ share, start: stretch.start - start, length: stretch.length });
  }
  return runs;
};

function* sharesIn(context: DeviceContext, holding: Holding): Generator<{ readonly share: Share } & Stretch> {
  for (const { unit, parameter, start } of parametersIn(context, holding)) {
    const shares = sharesOf(parameter, unit.name, context.seat[holding.part]);
    const length = parameter.elements / shares.length;
    for (const [index, share] of shares.entries()) yield { share, start: start + index * length, length };
  }
}
