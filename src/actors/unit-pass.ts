/** A run of units forward and backward: the programs between two messages of the pipeline. */
import { section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { LayerContext } from '../model/context.ts';
import { view } from '../model/context.ts';
import type { EmbeddingSaved } from '../model/embedding.ts';
import { embeddingBackward, embeddingForward } from '../model/embedding.ts';
import type { HeadSaved } from '../model/head.ts';
import { headBackward, headForward } from '../model/head.ts';
import type { UnitWeights } from '../model/context.ts';
import type { LayerRecompute, LayerSaved } from '../model/layer.ts';
import { layerBackward, layerForward } from '../model/layer.ts';
import type { UnitKind } from '../model/unit.ts';

/** A unit with the weights it computes with, whole. */
export interface UnitAtWork {
  readonly kind: UnitKind;
  readonly recompute: LayerRecompute;
  readonly weights: UnitWeights;
  /** The embedding whose table a head shares, when both are in one chunk. */
  readonly tied: UnitWeights | null;
}
export type UnitSaved =
  | { readonly kind: 'embedding'; readonly saved: EmbeddingSaved }
  | { readonly kind: 'layer'; readonly saved: LayerSaved }
  | { readonly kind: 'head'; readonly saved: HeadSaved };

/** What a run starts from: token ids at the embedding, labels at the head, another unit's output elsewhere. */
export interface Feed {
  readonly ids: Tensor | null;
  readonly labels: Tensor | null;
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
const tableOf = (context: LayerContext, tied: UnitWeights | null): UnitWeights | null => {
  if (tied === null) return null;
  const of = (flat: Tensor): Tensor => view(flat, context.parameters.embedding, 'token embedding');
  return { values: of(tied.values), gradients: of(tied.gradients) };
};

function* unitForward(
  context: LayerContext,
  { kind, recompute, weights: { values }, tied }: UnitAtWork,
  { input, feed }: { input: Tensor | null; feed: Feed },
): Program<{ output: Tensor | null; saved: UnitSaved }> {
  switch (kind) {
    case 'embedding': {
      const { output, saved } = yield* embeddingForward(context, { values, ids: present(feed.ids, 'token ids') });
      return { output, saved: { kind, saved } };
    }
    case 'layer': {
      const { output, saved } = yield* layerForward(context, { values, input: present(input, 'an input'), recompute });
      return { output, saved: { kind, saved } };
    }
    case 'head': {
      const table = tableOf(context, tied)?.values ?? null;
      const labels = present(feed.labels, 'labels');
      const saved = yield* headForward(context, { values, tied: table, input: present(input, 'an input'), labels });
      return { output: null, saved: { kind, saved } };
    }
  }
}

function* unitBackward(
  context: LayerContext,
  { weights, tied }: UnitAtWork,
  { saved, gradient }: { saved: UnitSaved; gradient: Tensor | null },
): Program<Tensor | null> {
  switch (saved.kind) {
    case 'embedding':
      yield* embeddingBackward(context, { weights, saved: saved.saved, gradient: present(gradient, 'a gradient') });
      return null;
    case 'layer':
      return yield* layerBackward(context, { weights, saved: saved.saved, gradient: present(gradient, 'a gradient') });
    case 'head':
      return yield* headBackward(context, { weights, tied: tableOf(context, tied), saved: saved.saved });
  }
}

/** Layers of a kind cost the same, so each is a section of its own. */
const nameOf = (pass: string, { kind, recompute }: UnitAtWork): string =>
  `${pass} ${kind}${recompute === 'all' ? ' again' : ''}`;

/** The units in order; the first gets `input`. */
export function* forwardUnits(
  context: LayerContext,
  units: readonly UnitAtWork[],
  { input, feed }: { input: Tensor | null; feed: Feed },
): Program<ForwardResult> {
  const saved: UnitSaved[] = [];
  let output = input;
  for (const unit of units) {
    const from = output;
    const result = yield* section(nameOf('forward', unit), () => unitForward(context, unit, { input: from, feed }));
    saved.push(result.saved);
    output = result.output;
  }
  return { output, saved };
}

/** The units in reverse order; the answer is the gradient of the first one's input, null at the embedding. */
export function* backwardUnits(
  context: LayerContext,
  units: readonly UnitAtWork[],
  { saved, gradient }: { saved: readonly UnitSaved[]; gradient: Tensor | null },
): Program<Tensor | null> {
  let flow = gradient;
  for (let index = units.length - 1; index >= 0; index--) {
    const unit = units[index]!;
    const into = flow;
    flow = yield* section(nameOf('backward', unit), () =>
      unitBackward(context, unit, { saved: saved[index]!, gradient: into }),
    );
  }
  return flow;
}
