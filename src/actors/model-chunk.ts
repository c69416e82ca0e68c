/** A model chunk on its rank: its units with their weights and gradients, and the runs of units that move as one. */
import { allocate, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Purpose } from '../memory/purpose.ts';
import { segmentLengthMax } from '../effects/tensor.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Flat, UnitWeights } from '../model/context.ts';
import type { LayerRecompute } from '../model/layer.ts';
import type { Chunk } from '../model/stages.ts';
import { unitsOf } from '../model/stages.ts';
import type { Part, Unit } from '../model/unit.ts';
import { elementsOfAll, EMBEDDING, PARTS } from '../model/unit.ts';
import type { Recompute } from '../scenario/job.ts';
import { bytes } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import type { DeviceContext } from './device-context.ts';
import { offloadedLayers } from './offload-copies.ts';

export interface UnitState {
  readonly unit: Unit;
  /** Parameters on this rank, those of routed experts apart. */
  readonly elements: Readonly<Record<Part, number>>;
  /** Parameters of the embedding that a unit beside it works with too, when they have to travel to it. */
  readonly borrowed: number;
  readonly recompute: LayerRecompute;
  /** True when what the unit keeps for backward waits on the host. */
  readonly isOffloaded: boolean;
  /** What stays on the rank: everything, or under ZeRO this rank's shard of it. */
  readonly resident: UnitWeights;
}

/** Units `start` to `end` (excluded), and the names of their passes. Equal names cost the same. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly forward: string;
  readonly backward: string;
  /** The two halves of a backward pass that leaves the weights' gradients for later. */
  readonly inputs: string;
  readonly weights: string;
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

function* placePart(context: DeviceContext, unit: Unit, part: Part): Program<Flat> {
  const { formats, parametersOf } = context.layer;
  const parameters = parametersOf(unit)[part];
  const elements = elementsOfAll(parameters);
  const shard = segmentLengthMax(elements, context.states[part].shards.size);
  const values = yield* flat(shardsWeights(context) ? shard : elements, formats.weight, 'weights');
  const gradients = yield* flat(shardsGradients(context) ? shard : elements, formats.gradient, 'gradients');
  if (formats.copyBytes > 0) yield* allocate(bytes(elements * formats.copyBytes), 'weights');
  return { parameters, values, gradients };
}
function* placeUnit(context: DeviceContext, unit: Unit): Program<UnitWeights> {
  const shared = yield* placePart(context, unit, 'shared');
  const hasExperts = context.layer.parametersOf(unit).experts.length > 0;
  return { ...shared, experts: hasExperts ? yield* placePart(context, unit, 'experts') : null };
}

/** True of a unit that works with the table of an embedding in its own chunk: a tied head, and any predictor. */
export const sharesTable = ({ job }: DeviceContext, { kind }: Unit, { hasEmbedding }: Chunk): boolean =>
  hasEmbedding && (kind === 'predictor' || (kind === 'head' && job.model.tied));

/** Sharded, the table is gathered and reduced for each unit that shares it. */
const borrowedBy = (context: DeviceContext, unit: Unit, chunk: Chunk): number => {
  if (!sharesTable(context, unit, chunk) || !shardsGradients(context)) return 0;
  return context.layer.parametersOf(EMBEDDING).shared.find(({ name }) => name === 'token embedding')?.elements ?? 0;
};

/** Allocates the weights and gradients of a chunk. */
export function* placeChunk(context: DeviceContext, chunk: Chunk): Program<ChunkState> {
  const units: UnitState[] = [];
  const { states, job } = context;
  const sharing = `zero ${job.layout.zero} of ${states.shared.shards.size}, ${states.experts.shards.size}`;
  const recomputeAt = recomputeOf(job.recompute);
  const offloaded = offloadedLayers(job.offload.activations, chunk.layers.length);
  let layer = 0;
  for (const unit of unitsOf(chunk)) {
    const parameters = context.layer.parametersOf(unit);
    const elements = totalRecord(PARTS, (part) => elementsOfAll(parameters[part]));
    const resident = yield* section(`place ${unit.name} ${sharing}`, () => placeUnit(context, unit));
    const isLayer = unit.kind === 'layer';
    const recompute = isLayer ? recomputeAt(layer) : NO_MODULES;
    const isOffloaded = isLayer && layer < offloaded;
    if (isLayer) layer++;
    const borrowed = borrowedBy(context, unit, chunk);
    units.push({ unit, elements, borrowed, recompute, isOffloaded, resident });
  }
  return { chunk, units, whole: runOf(units, 0, units.length), buckets: bucketsOf(context, units) };
}

const runOf = (units: readonly UnitState[], start: number, end: number): Run => {
  const names: string[] = [];
  for (let index = start, count = 1; index < end; index++, count++) {
    const [unit, next] = [units[index]!, index + 1 < end ? units[index + 1] : undefined];
    if (next !== undefined && next.unit.name === unit.unit.name && next.recompute === unit.recompute) continue;
    names.push(`${count} ${unit.unit.name}${unit.recompute === 'all' ? ' again' : ''}`);
    count = 0;
  }
  const name = names.join(' + ');
  return {
    start,
    end,
    forward: `forward ${name}`,
    backward: `backward ${name}`,
    inputs: `backward inputs ${name}`,
    weights: `weight ${name}`,
  };
};

/** Parameters that fill a bucket on so many ranks that hold the same. */
export const bucketElements = (ranks: number): number => Math.max(40e6, 1e6 * ranks);

/**
 * Parameters that are reduced together: Megatron-LM's default of 40 million, or a million a data rank if that is more,
 * in whole units, filled from the end as backward meets them. Sharded weights are gathered unit by unit.
 */
const bucketsOf = (context: DeviceContext, units: readonly UnitState[]): readonly Run[] => {
  const { shards, replicas } = context.states.shared;
  const enough = shardsWeights(context) ? 1 : bucketElements(shards.size * replicas.size);
  const buckets: Run[] = [];
  let end = units.length;
  let elements = 0;
  for (let index = units.length - 1; index >= 0; index--) {
    elements += units[index]!.elements.shared + units[index]!.elements.experts;
    if (elements < enough && index > 0) continue;
    buckets.unshift(runOf(units, index, end));
    end = index;
    elements = 0;
  }
  return buckets;
};

export const elementsIn = ({ units }: Pick<ChunkState, 'units'>, { start, end }: Run, part: Part): number =>
  units.slice(start, end).reduce((total, { elements }) => total + elements[part], 0);
/** Parameters whose weights are gathered, and whose gradients are reduced, for a run of sharded units. */
export const travellingIn = ({ units }: Pick<ChunkState, 'units'>, { start, end }: Run, part: Part): number =>
  units
    .slice(start, end)
    .reduce((total, { elements, borrowed }) => total + elements[part] + (part === 'shared' ? borrowed : 0), 0);
