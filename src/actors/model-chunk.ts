/** A model chunk on its rank: its units, the runs of them that move as one, and what the rank holds of their weights. */
import { allocate, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { segmentLengthMax } from '../effects/tensor.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { LayerRecompute } from '../model/layer.ts';
import type { Chunk } from '../model/stages.ts';
import { unitsOf } from '../model/stages.ts';
import { unitName } from '../model/shares.ts';
import type { Part, Unit } from '../model/unit.ts';
import { elementsOfAll, PARTS } from '../model/unit.ts';
import type { Recompute } from '../scenario/job.ts';
import { bytes } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import type { DeviceContext } from './device-context.ts';
import type { Holding, PlacedUnit } from './holding.ts';
import { ownStretch } from './holding.ts';
import { offloadedLayers } from './offload-copies.ts';

export interface UnitState extends PlacedUnit {
  /** Parameters on this rank. */
  readonly elements: Readonly<Record<Part, number>>;
  /** True of a unit that works with the table of the embedding in its own chunk: a tied head, and any predictor. */
  readonly sharesTable: boolean;
  readonly recompute: LayerRecompute;
  /** True when what the unit keeps for backward waits on the host. */
  readonly isOffloaded: boolean;
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

/** A run whose weights are gathered, and whose gradients are reduced, together; by part, null where it has none. */
export interface Bucket extends Run {
  readonly holdings: Readonly<Record<Part, Holding | null>>;
}

export interface ChunkState {
  readonly chunk: Chunk;
  readonly units: readonly UnitState[];
  readonly whole: Run;
  /** In the order of the data. */
  readonly buckets: readonly Bucket[];
}

/** How the parameters of a rank are spread over the data ranks by ZeRO's stages (Rajbhandari et al. 2020). */
export const shardsGradients = ({ job }: Pick<DeviceContext, 'job'>): boolean => job.layout.zero >= 2;
export const shardsWeights = ({ job }: Pick<DeviceContext, 'job'>): boolean => job.layout.zero === 3;

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

const sharesTable = ({ job }: DeviceContext, { kind }: Unit, { hasEmbedding }: Chunk): boolean =>
  hasEmbedding && (kind === 'predictor' || (kind === 'head' && job.model.tied));

/** What is known of a chunk's units before anything is allocated. */
const unitStates = (context: DeviceContext, chunk: Chunk): readonly UnitState[] => {
  const { job, layer } = context;
  const recomputeAt = recomputeOf(job.recompute);
  const offloaded = offloadedLayers(job.offload.activations, chunk.layers.length);
  let index = 0;
  return unitsOf(chunk).map((unit) => {
    const own = unit.kind === 'layer' ? index++ : null;
    const parameters = layer.parametersOf(unit);
    return {
      unit,
      name: unitName(unit, chunk.firstLayer + (own ?? 0)),
      elements: totalRecord(PARTS, (part) => elementsOfAll(parameters[part])),
      sharesTable: sharesTable(context, unit, chunk),
      recompute: own === null ? NO_MODULES : recomputeAt(own),
      isOffloaded: own !== null && own < offloaded,
    };
  });
};

/** Allocates the weights and gradients of a chunk. */
export function* placeChunk(context: DeviceContext, chunk: Chunk): Program<ChunkState> {
  const units = unitStates(context, chunk);
  const buckets: Bucket[] = [];
  for (const run of bucketsOf(context, units)) {
    const holdings: Record<Part, Holding | null> = { shared: null, table: null, experts: null };
    for (const part of PARTS) holdings[part] = yield* placeHolding(context, { units, run, part });
    buckets.push({ ...run, holdings });
  }
  return { chunk, units, whole: runOf(units, 0, units.length), buckets };
}

function* placeHolding(
  context: DeviceContext,
  { units, run, part }: { units: readonly UnitState[]; run: Run; part: Part },
): Program<Holding | null> {
  const elements = elementsIn({ units }, run, part);
  if (elements === 0) return null;
  const { formats } = context.layer;
  const shard = segmentLengthMax(elements, context.states[part].shards.size);
  const lengths = [shardsWeights(context) ? shard : elements, shardsGradients(context) ? shard : elements] as const;
  const tensors = yield* section(`place ${elements} ${lengths.join(' ')}`, function* () {
    const values = yield* flat(lengths[0], formats.weight, 'weights');
    const gradients = yield* flat(lengths[1], formats.gradient, 'gradients');
    if (formats.copyBytes > 0) yield* allocate(bytes(elements * formats.copyBytes), 'weights');
    return { values, gradients };
  });
  const holders = units.slice(run.start, run.end).filter((unit) => unit.elements[part] > 0);
  return { part, units: holders, elements, own: ownStretch(context, part, elements), ...tensors };
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
    for (const part of PARTS) elements += units[index]!.elements[part];
    if (elements < enough && index > 0) continue;
    buckets.unshift(runOf(units, index, end));
    end = index;
    elements = 0;
  }
  return buckets;
};

const elementsIn = ({ units }: Pick<ChunkState, 'units'>, { start, end }: Run, part: Part): number =>
  units.slice(start, end).reduce((total, { elements }) => total + elements[part], 0);

/** What the rank holds of a bucket, part by part. */
export const holdingsIn = ({ holdings }: Bucket): readonly Holding[] =>
  PARTS.map((part) => holdings[part]).filter((holding) => holding !== null);
/** What it holds of its chunks, in the order of the data. */
export const holdingsOf = (chunks: readonly ChunkState[]): readonly Holding[] =>
  chunks.flatMap(({ buckets }) => buckets.flatMap(holdingsIn));

/** The table of the embedding that a bucket's units work with although it is in another bucket; null if there is none. */
export const borrowedBy = ({ units, buckets }: ChunkState, bucket: Bucket): Holding | null => {
  const first = buckets[0]!;
  const borrows = units.slice(bucket.start, bucket.end).some((unit) => unit.sharesTable);
  return borrows && bucket !== first ? first.holdings.table : null;
};
