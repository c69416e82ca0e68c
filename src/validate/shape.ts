/** The model of a row: what it states, and what its family has where it is silent. */
import type { Model } from '../scenario/model.ts';
import { PLAIN } from '../scenario/model.ts';
import { expertsOf, latentOf, predictorsOf, windowOf } from './architecture.ts';
import { familyOf } from './family.ts';
import { GIGA } from './row-unit.ts';
import type { Filled } from './filled.ts';
import type { Row } from './row.ts';

const SEQUENCE = 2_048;
const VOCABULARY = 51_200;
const HEAD_DIM = 128;
/** Hidden elements a layer: 12288 / 96 of GPT-3 175B, 8192 / 80 of Llama 2 70B, 16384 / 126 of Llama 3.1 405B. */
const HIDDEN_PER_LAYER = 128;

/** What the row leaves out comes from its number of parameters; with neither, `shapeRefusal` has refused it. */
export const shapeOf = (row: Row): Filled<Model> & { sequence: number } => {
  const { model } = row;
  const assumed: string[] = [];
  const fill = (value: number | null, otherwise: number, words: string): number => {
    if (value === null) assumed.push(words.replace('$', String(otherwise)));
    return value ?? otherwise;
  };
  const take = <T>(filled: Filled<T>): T => {
    assumed.push(...filled.assumed);
    return filled.value;
  };
  const derived = aspect(model.params_b ?? 0);
  const layers = fill(model.layers, derived.layers, 'layers $: from the parameters at 128 hidden elements a layer');
  const hidden = fill(model.hidden, derived.hidden, 'hidden $: from the parameters at 128 hidden elements a layer');
  const heads = fill(model.heads, Math.max(1, Math.round(hidden / HEAD_DIM)), 'heads $: of 128 elements');
  const sequence = fill(model.seq, SEQUENCE, 'seq $: not stated');
  const gated = model.gated ?? false;
  const family = familyOf(row, gated);
  assumed.push(`norms, biases, positions and activation: those of ${family.name} where not stated`);
  const latent = latentOf(row);
  const ffn = fill(model.ffn, 4 * hidden, 'ffn $: 4 x hidden');
  const value: Model = {
    ...PLAIN,
    ...family.block,
    name: model.name ?? row.id,
    layers,
    hidden,
    heads,
    kvHeads: latent === null ? fill(model.kv_heads, heads, 'kv_heads $: as many as heads') : heads,
    headDim: (latent === null ? model.head_dim : model.mla?.v_head) ?? Math.floor(hidden / heads),
    latent,
    window: windowOf(row, layers),
    ffn,
    gated,
    experts: take(expertsOf(row, { layers, ffn }, family.experts)),
    predictors: take(predictorsOf(row)),
    vocabulary: fill(model.vocab, VOCABULARY, 'vocab $: not stated'),
    positions: family.block.position === 'learned' ? sequence : 0,
    source: 'the measured row',
  };
  return { value, assumed, sequence };
};

/** 12 L h^2 parameters with h = 128 L, h a multiple of the head so that heads and tensor ranks divide it. */
const aspect = (billions: number): { layers: number; hidden: number } => {
  const layers = Math.max(1, Math.round(Math.cbrt((billions * GIGA) / (12 * HIDDEN_PER_LAYER ** 2)) / 2) * 2);
  const hidden = Math.max(1, Math.round(Math.sqrt((billions * GIGA) / (12 * layers)) / 1024)) * 1024;
  return { layers, hidden };
};

/** Why no shape can be made out; null when one can. */
export const shapeRefusal = ({ model }: Row): string | null =>
  (model.layers === null || model.hidden === null) && model.params_b === null
    ? 'the model has neither a shape nor a number of parameters'
    : null;
