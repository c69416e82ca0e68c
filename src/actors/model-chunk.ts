/** A model chunk on its rank: its units with their weights and gradients, and the runs of units that move as one. */
import { allocate, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Purpose } from '../memory/purpose.ts';
import { segmentLengthMax } from '../effects/tensor.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { UnitWeights } from '../model/context.ts';
import type { LayerRecompute } from '../model/layer.ts';
import type { Chunk } from '../model/stages.ts';
import { unitsOf } from '../model/stages.ts';
import type { UnitKind } from '../model/unit.ts';
import { elementsOfAll } from '../model/unit.ts';
import type { Recompute } from '../scenario/job.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';

export interface UnitState {
  readonly kind: UnitKind;
  /** Parameters on this tensor rank. */
  readonly elements: number;
  /** Parameters of the embedding that a tied head beside it works with, when they have to travel to it. */
  readonly borrowed: number;
  readonly recompute: LayerRecompute;
  /** What stays on the rank: everything, or under ZeRO this rank's shard of it. */
  readonly resident: UnitWeights;
}

/** Units `start` to `end` (excluded), and the names of their passes. Equal names cost the same. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly forward: string;
  readonly backward: string;
}

export interface ChunkState {
  readonly chunk: Chunk;
  readonly units: readonly UnitState[];
  readonly whole: Run;
  /** Runs in the order of the data; each one's weights are gathered, and its gradients reduced, together. */
  readonly buckets: readonly Run[];
}

/** How the parameters of a rank are spread over the data ranks by ZeRO's stages (Rajbhandari et al. 2020). */
export const shardsGradients = ({ job }: DeviceContext): boolean => job.layout.zero >= 2;
export const shardsWeights = ({ job }: DeviceContext): boolean => job.layout.zero === 3;

const NO_MODULES: LayerRecompute = new Set();

/** What backward computes again of each layer of a chunk, by the layer's index. Equal answers are one object. */
const recomputeOf = (recompute: Recompute): ((index: number) => LayerRecompute) => {
  if (recompute.kind === 'full') {
    const { layers } = recompute;
    return (index) => (layers === 'all' || index < layers ? 'all' : NO_MODULES);
  }
  const modules: LayerRecompute = recompute.kind === 'selective' ? new Set(recompute.modules) : NO_MODULES;
  return () => modules;
};

function* flat(length: number, dtype: Dtype, purpose: Purpose): Program<Tensor> {
  const block = yield* allocate(bytes(length * DTYPE_BYTES[dtype]), purpose);
  return { shape: [length], dtype, block, offset: 0 };
}

function* placeUnit(context: DeviceContext, elements: number): Program<UnitWeights> {
  const { formats } = context.layer;
  const shard = segmentLengthMax(elements, context.job.layout.dp);
  const values = yield* flat(shardsWeights(context) ? shard : elements, formats.weight, 'weights');
  const gradients = yield* flat(shardsGradients(context) ? shard : elements, formats.gradient, 'gradients');
  if (formats.copyBytes > 0) yield* allocate(bytes(elements * formats.copyBytes), 'weights');
  return { values, gradients };
}

/** A tied head shares the table of an embedding in its own chunk; sharded, the table is gathered and reduced for it too. */
const borrowedBy = (context: DeviceContext, { hasEmbedding }: Chunk): number => {
  if (!context.job.model.tied || !hasEmbedding || !shardsGradients(context)) return 0;
  return context.layer.parameters.embedding.find(({ name }) => name === 'token embedding')?.elements ?? 0;
};

/** Allocates the weights and gradients of a chunk. */
export function* placeChunk(context: DeviceContext, chunk: Chunk): Program<ChunkState> {
  const units: UnitState[] = [];
  const { zero, dp } = context.job.layout;
  const recomputeAt = recomputeOf(context.job.recompute);
  let layer = 0;
  for (const kind of unitsOf(chunk)) {
    const elements = elementsOfAll(context.layer.parameters[kind]);
    const resident = yield* section(`place ${kind} zero ${zero} of ${dp}`, () => placeUnit(context, elements));
    const recompute = kind === 'layer' ? recomputeAt(layer++) : NO_MODULES;
    const borrowed = kind === 'head' ? borrowedBy(context, chunk) : 0;
    units.push({ kind, elements, borrowed, recompute, resident });
  }
  return { chunk, units, whole: runOf(units, 0, units.length), buckets: bucketsOf(context, units) };
}

const runOf = (units: readonly UnitState[], start: number, end: number): Run => {
  const names: string[] = [];
  for (let index = start, count = 1; index < end; index++, count++) {
    const [unit, next] = [units[index]!, index + 1 < end ? units[index + 1] : undefined];
    if (next !== undefined && next.kind === unit.kind && next.recompute === unit.recompute) continue;
    names.push(`${count} ${unit.kind}${unit.recompute === 'all' ? ' again' : ''}`);
    count = 0;
  }
  const name = names.join(' + ');
  return { start, end, forward: `forward ${name}`, backward: `backward ${name}` };
};

/**
 * Parameters that are reduced together: Megatron-LM's default of 40 million, or a million a data rank if that is more,
 * in whole units, filled from the end as backward meets them. Sharded weights are gathered unit by unit.
 */
const bucketsOf = (context: DeviceContext, units: readonly UnitState[]): readonly Run[] => {
  const enough = shardsWeights(context) ? 1 : Math.max(40e6, 1e6 * context.job.layout.dp);
  const buckets: Run[] = [];
  let end = units.length;
  let elements = 0;
  for (let index = units.length - 1; index >= 0; index--) {
    elements += units[index]!.elements;
    if (elements < enough && index > 0) continue;
    buckets.unshift(runOf(units, index, end));
    end = index;
    elements = 0;
  }
  return buckets;
};

export const elementsIn = ({ units }: Pick<ChunkState, 'units'>, { start, end }: Run): number =>
  units.slice(start, end).reduce((total, unit) => total + unit.elements, 0);
/** Parameters whose weights are gathered, and whose gradients are reduced, for a run of sharded units. */
export const travellingIn = ({ units }: Pick<ChunkState, 'units'>, { start, end }: Run): number =>
  units.slice(start, end).reduce((total, { elements, borrowed }) => total + elements + borrowed, 0);
