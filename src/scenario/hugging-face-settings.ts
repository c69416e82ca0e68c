/** What the settings of Hugging Face configurations have in common. */
import { z } from 'zod';
import type { Model } from './model.ts';
import { LAYERS_MAX, WIDTH_MAX } from './model-schema.ts';
import { oneOf, whole } from './shape.ts';

/** A model but for what only its file can say. */
export type Shape = Omit<Model, 'name' | 'source'>;

const ACTIVATIONS: Readonly<Record<string, Model['activation']>> = {
  gelu: 'gelu',
  gelu_new: 'gelu',
  gelu_fast: 'gelu',
  gelu_python: 'gelu',
  gelu_pytorch_tanh: 'gelu',
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
};
export const activation = oneOf(Object.keys(ACTIVATIONS)).transform((name) => ACTIVATIONS[name] ?? 'gelu');
export const depth = whole(1, LAYERS_MAX);
export const positive = whole(1, WIDTH_MAX);
export const rate = z
  .number({ error: 'a probability' })
  .min(0, { error: 'a probability' })
  .max(1, { error: 'a probability' });
