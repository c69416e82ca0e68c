/** A run of units forward and backward: the programs between two messages of the pipeline. */
import { section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import type { Flat, LayerContext, UnitWeights, Weight } from '../model/context.ts';
import { tableOf as ownTable, weightOf } from '../model/context.ts';
import type { EmbeddingSaved } from '../model/embedding.ts';
import { embeddingBackward, embeddingForward } from '../model/embedding.ts';
import type { HeadSaved } from '../model/head.ts';
import { headBackward, headForward } from '../model/head.ts';
import type { LayerRecompute, LayerSaved } from '../model/layer.ts';
import { layerBackward, layerForward, ownTensors } from '../model/layer.ts';
import type { PredictorSaved } from '../model/predictor.ts';
import { predictorBackward, predictorForward } from '../model/predictor.ts';
import type { Unit } from '../model/unit.ts';
import type { Moment } from '../memory/moment.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Departures, Returns } from './offload-copies.ts';
import { leaveBehind, returnAhead } from './offload-copies.ts';

/** A unit with the weights it computes with, whole. */
export interface UnitAtWork {
  readonly unit: Unit;
  readonly recompute: LayerRecompute;
  readonly weights: UnitWeights;
  /** The embedding whose table a tied head or a predictor works with, when both are in one chunk. */
  readonly tied: Flat | null;
}
export type UnitSaved =
  | { readonly kind: 'embedding'; readonly saved: EmbeddingSaved }
  | { readonly kind: 'layer'; readonly saved: LayerSaved }
  | { readonly kind: 'predictor'; readonly saved: PredictorSaved }
  | { readonly kind: 'head'; readonly saved: HeadSaved };

/** What a run starts from: token ids at the embedding, labels at the head, another unit's output elsewhere. */
export interface Feed {
  readonly ids: Tensor | null;
  readonly labels: Tensor | null;
  /** What losses are added to. */
  readonly total: Tensor;
}
export interface ForwardResult {
  /** Null behind the head. */
  readonly output: Tensor | null;
  readonly saved: readonly UnitSaved[];
}

const present = <T>(value: T | null, what: string): T => {
  if (value === null) throw new TypeError(`this unit needs ${what}`);
  return value;
};
const tableOf = (tied: Flat | null): Weight | null => (tied === null ? null : weightOf(tied, 'token embedding'));

/** The table that a predictor looks tokens up in: its copy, or the embedding's own. */
const lookedUpIn = ({ weights, tied }: UnitAtWork): Weight =>
  tied === null ? ownTable(weights, 'token embedding') : present(tableOf(tied), "the embedding's table");

/**
 * What goes from unit to unit: a tensor, and beside it the keys that layers share, or their gradients on the way back.
 * Layers that share keys are in one model chunk: nothing goes beside what is sent to another stage.
 */
interface Flow extends Tensor {
  readonly beside: readonly Tensor[];
}
const isFlow = (tensor: Tensor | Flow): tensor is Flow => 'beside' in tensor;
const besideOf = (tensor: Tensor): readonly Tensor[] => (isFlow(tensor) ? tensor.beside : []);
/** The plain tensor where there is nothing beside it. */
const withBeside = (tensor: Tensor, beside: readonly Tensor[]): Tensor | Flow =>
  beside.length === 0 ? tensor : { ...tensor, beside };

/** What a unit's forward pass returns. */
export interface UnitForward {
  readonly output: Tensor | null;
  readonly saved: UnitSaved;
}

function* unitForward(
  context: LayerContext,
  work: UnitAtWork,
  { input, feed }: { input: Tensor | null; feed: Feed },
): Program<UnitForward> {
  const { unit, recompute, weights, tied } = work;
  const from = (): Tensor => present(input, 'an input');
  switch (unit.kind) {
    case 'embedding': {
      const { output, saved } = yield* embeddingForward(context, { weights, ids: present(feed.ids, 'token ids') });
      return { output, saved: { kind: 'embedding', saved } };
    }
    case 'layer': {
      const keys = besideOf(from());
      if (!unit.layer.ownsKeys && keys.length === 0) throw new TypeError(`a ${unit.name} begins a model chunk`);
      const asked = { input: from(), keys, recompute };
      const { output, saved, keys: onward } = yield* layerForward(context, { kind: unit.layer, weights }, asked);
      return { output: withBeside(output, onward), saved: { kind: 'layer', saved } };
    }
    case 'predictor': {
      const asked = { table: lookedUpIn(work), input: from(), labels: present(feed.labels, 'labels'), recompute };
      const { output, saved } = yield* predictorForward(context, { kind: unit.layer, weights }, asked);
      return { output, saved: { kind: 'predictor', saved } };
    }
    case 'head': {
      const labels = present(feed.labels, 'labels');
      const asked = { weights, tied: tableOf(tied), input: from(), labels, total: feed.total };
      const saved = yield* headForward(context, asked);
      return { output: null, saved: { kind: 'head', saved } };
    }
    default:
      return unit satisfies never;
  }
}

export function* unitBackward(
  context: LayerContext,
  work: UnitAtWork,
  { saved: kept, gradient }: { saved: UnitSaved; gradient: Tensor | null },
): Program<Tensor | null> {
  const { unit, weights, tied } = work;
  if (kept.kind === 'head') return yield* headBackward(context, { weights, tied: tableOf(tied), saved: kept.saved });
  const from = present(gradient, 'a gradient');
  switch (kept.kind) {
    case 'embedding':
      yield* embeddingBackward(context, { weights, saved: kept.saved, gradient: from });
      return null;
    case 'layer': {
      const asked = { saved: kept.saved, gradient: from, fromBehind: besideOf(from) };
      const back = yield* layerBackward(context, { kind: kindOf(unit), weights }, asked);
      return withBeside(back.gradient, back.toKeysBefore);
    }
    case 'predictor': {
      const asked = { table: lookedUpIn(work), saved: kept.saved, gradient: from };
      return yield* predictorBackward(context, { kind: kindOf(unit), weights }, asked);
    }
    default:
      return kept satisfies never;
  }
}
const kindOf = (unit: Unit): LayerKind => {
  if ('layer' in unit) return unit.layer;
  throw new TypeError(`the ${unit.name} is no layer`);
};

/** Layers of a kind cost the same, so each is a section of its own. */
export const nameOf = (pass: string, { unit, recompute }: UnitAtWork): string =>
  `${pass} ${unit.name}${recompute === 'all' ? ' again' : ''}`;

/** What may wait on the host of what a unit has kept: all that only the backward pass of a layer needs. */
export const ownBlocks = (context: LayerContext, kept: UnitSaved): readonly Block[] =>
  kept.kind === 'layer' ? ownTensors(context, kept.saved).map(({ block }) => block) : [];

/** All that a unit has kept. */
export const savedBlocks = (context: LayerContext, kept: UnitSaved): readonly Block[] =>
  savedTensors(context, kept).map(({ block }) => block);
const savedTensors = (context: LayerContext, kept: UnitSaved): readonly Tensor[] => {
  switch (kept.kind) {
    case 'embedding': {
      const { ids, mask, summed } = kept.saved;
      return [ids, mask, summed].filter((tensor) => tensor !== null);
    }
    case 'layer':
      return [...ownTensors(context, kept.saved), ...kept.saved.shared];
    case 'predictor': {
      const { input, ids, embedded, merged, layer, predicted } = kept.saved;
      return [input, ids, embedded, merged, ...ownTensors(context, layer), predicted];
    }
    case 'head': {
      const { input, normalised, losses, labels } = kept.saved;
      return [input, normalised, ...losses.flatMap(({ exponentials, scales }) => [exponentials, scales]), labels];
    }
    default:
      return kept satisfies never;
  }
};

/** A pass's copies beside a run of units, of which the first is unit `start` of the chunk. */
export interface Beside<Copies> {
  readonly copies: Copies;
  readonly start: number;
}

/** The units in order; the first gets `input`. Beside them what some have kept leaves for the host. */
export function* forwardUnits(
  context: LayerContext,
  units: readonly UnitAtWork[],
  { input, feed }: { input: Tensor | null; feed: Feed },
  beside: Beside<Departures> | null = null,
): Program<ForwardResult> {
  const saved: UnitSaved[] = [];
  let output = input;
  for (const [index, unit] of units.entries()) {
    const from = output;
    const forward = () => unitForward(context, unit, { input: from, feed });
    const result = yield* section(nameOf('forward', unit), forward, momentOf(beside));
    if (beside !== null) yield* leaveBehind(beside.copies, beside.start + index, ownBlocks(context, result.saved));
    saved.push(result.saved);
    output = result.output;
  }
  return { output, saved };
}

/** Within a section the moment has been named. */
export const momentOf = (beside: Beside<{ readonly moment: Moment }> | null): { readonly moment: Moment | null } => ({
  moment: beside === null ? null : beside.copies.moment,
});

/**
 * The units in reverse order; the answer is the gradient of the first one's input, null at the embedding. Beside them
 * what waits on the host comes back.
 */
export function* backwardUnits(
  context: LayerContext,
  units: readonly UnitAtWork[],
  { saved, gradient }: { saved: readonly UnitSaved[]; gradient: Tensor | null },
  beside: Beside<Returns> | null = null,
): Program<Tensor | null> {
  let flow = gradient;
  for (let index = units.length - 1; index >= 0; index--) {
    const unit = units[index]!;
    const into = flow;
    if (beside !== null) yield* returnAhead(beside.copies, beside.start + index);
    const backward = () => unitBackward(context, unit, { saved: saved[index]!, gradient: into });
    flow = yield* section(nameOf('backward', unit), backward, momentOf(beside));
  }
  return flow;
}
