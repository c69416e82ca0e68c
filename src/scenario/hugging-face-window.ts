/** Sliding-window attention as Hugging Face configurations say it: by a list of layers, or by a rule of the class. */
import { z } from 'zod';
import { byLayer } from './model-schema.ts';
import type { SlidingWindow } from './model.ts';
import { decoder } from './hugging-face-settings.ts';
import { flag, oneOf, whole } from './shape.ts';

const layerType = oneOf(['full_attention', 'sliding_attention']);

/** A decoder whose layers may look back over a window only. */
export const windowed = decoder.extend({
  sliding_window: whole(0).nullish(),
  use_sliding_window: flag.nullish(),
  max_window_layers: whole(0).nullish(),
  layer_types: z.array(layerType, { error: 'a list of layer types' }).nullish(),
});
type Windowed = z.output<typeof windowed>;

/** `isWindowed` is the rule of the class for configs that list no layers. */
export const windowOf = (
  { sliding_window: size, layer_types: types, num_hidden_layers: layers, use_sliding_window: isUsed }: Windowed,
  isWindowed: (layer: number) => boolean,
): SlidingWindow | null => {
  const isLeftOut = isUsed === false || isUsed === null;
  if (isLeftOut || size === null || size === undefined || size === 0) return null;
  const holds = types ? (layer: number) => types[layer] === 'sliding_attention' : isWindowed;
  const window = { size, layers: byLayer(layers, holds) };
  return window.layers.includes(true) ? window : null;
};

/** Layers listed are as many as there are. */
export const listsEveryLayer = (
  { layer_types: types, num_hidden_layers: layers }: Pick<Windowed, 'layer_types' | 'num_hidden_layers'>,
  context: z.RefinementCtx,
): void => {
  if (!types || types.length === layers) return;
  const message = `lists ${types.length} layers; there are ${layers}`;
  context.addIssue({ code: 'custom', message, path: ['layer_types'] });
};
