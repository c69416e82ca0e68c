/** The kinds of layers that a model is made of: layers of one kind have the same weights and do the same work. */
import type { Model } from './model.ts';

export interface LayerKind {
  /** Names the kind within its model; `layer` where there is only one. */
  readonly name: string;
  /** True when the MLP is a mixture of experts. */
  readonly hasExperts: boolean;
  /** Tokens that a query sees at most; null for all before it. */
  readonly window: number | null;
  /** False when keys and values are those of a layer before. */
  readonly ownsKeys: boolean;
  /** Layers behind that read the same keys and values: their gradients come to this one. */
  readonly readersBehind: number;
}

type Kinded = Pick<Model, 'layers' | 'experts' | 'window' | 'kvShare'>;

/** By layer; equal kinds are one object. */
export const layerKinds = (model: Kinded): readonly LayerKind[] => {
  const known = KNOWN.get(model);
  if (known !== undefined) return known;
  const byName = new Map<string, LayerKind>();
  const kinds = Array.from({ length: model.layers }, (_, layer) => {
    const kind = kindOf(model, layer);
    const met = byName.get(kind.name) ?? kind;
    byName.set(kind.name, met);
    return met;
  });
  KNOWN.set(model, kinds);
  return kinds;
};

/** How many layers there are of each kind. */
export const kindCounts = (model: Kinded): ReadonlyMap<LayerKind, number> => {
  const known = COUNTS.get(model);
  if (known !== undefined) return known;
  const counts = new Map<LayerKind, number>();
  for (const kind of layerKinds(model)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  COUNTS.set(model, counts);
  return counts;
};

/** The kind of a predictor's layer: that of the model's last, with keys and values of its own. */
export const predictorKind = (model: Kinded): LayerKind => kindOf({ ...model, kvShare: 1 }, model.layers - 1);

/** A search asks for the kinds of one model millions of times. */
const KNOWN = new WeakMap<Kinded, readonly LayerKind[]>();
const COUNTS = new WeakMap<Kinded, ReadonlyMap<LayerKind, number>>();

const kindOf = ({ layers, experts, window, kvShare }: Kinded, layer: number): LayerKind => {
  const hasExperts = experts?.layers[layer] ?? false;
  const isWindowed = window?.layers[layer] ?? false;
  const ownsKeys = layer % kvShare === 0;
  // The last group of layers that share keys may be short of some.
  const readersBehind = Math.min(kvShare - 1 - (layer % kvShare), layers - 1 - layer);
  const missing = kvShare - 1 - (layer % kvShare) - readersBehind;
  const name = [
    'layer',
    hasExperts && 'of experts',
    isWindowed && 'windowed',
    !ownsKeys && `with the keys of ${layer % kvShare} before`,
    missing > 0 && `with ${readersBehind} behind`,
  ];
  return {
    name: name.filter((part) => part !== false).join(' '),
    hasExperts,
    window: isWindowed ? window!.size : null,
    ownsKeys,
    readersBehind,
  };
};
