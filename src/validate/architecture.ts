/** What sets a row's model apart from a plain decoder: experts, latent attention, a window, predictors; or why it is none of ours. */
import { byLayer } from '../scenario/model-schema.ts';
import type { Experts, LatentAttention, SlidingWindow } from '../scenario/model.ts';
import type { ExpertHabits } from './family.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import type { Row } from './row.ts';

/** Why the model is none whose layers are predicted; null when it is one. */
export const architectureRefusal = (row: Row): string | null => {
  const { name, arch } = row.model;
  if (arch !== null && /hybrid|mamba|sparse/i.test(arch))
    return 'a model of other layers than attention and MLPs is not predicted yet';
  if (/^t5/i.test(name ?? '')) return 'an encoder with a decoder is not predicted yet';
  return attentionRefusal(row) ?? mixtureRefusal(row) ?? latentRefusal(row);
};

interface Sizes {
  readonly layers: number;
  /** Width of a dense layer's MLP. */
  readonly ffn: number;
}

/** Null for a dense model; without a number of experts and of active ones `mixtureRefusal` has refused the row. */
export const expertsOf = (
  { model: { moe } }: Row,
  { layers, ffn }: Sizes,
  habits: ExpertHabits,
): Filled<Experts | null> => {
  if (moe === null || moe.experts === null || moe.topk === null) return stated(null);
  const width = moe.moe_ffn ?? ffn;
  const denseFirst = moe.first_dense ?? 0;
  const value = {
    ...habits,
    count: moe.experts,
    active: moe.topk,
    ffn: width,
    sharedFfn: (moe.shared ?? 0) * width,
    layers: byLayer(layers, (layer) => layer >= denseFirst),
  };
  return { value, assumed: moe.moe_ffn === null ? [`moe_ffn ${width}: the width of a dense MLP`] : [] };
};

/** Why no mixture can be made of what the row says of it; null when one can, or the model is dense. */
const mixtureRefusal = ({ model: { name, moe, active_b: activeParameters, layers } }: Row): string | null => {
  const isMixture = moe !== null || activeParameters !== null || /\bmoe\b/i.test(name ?? '');
  if (!isMixture) return null;
  if (moe === null || moe.experts === null || moe.topk === null)
    return 'a mixture whose experts and active experts are not published';
  if (moe.topk > moe.experts) return `${moe.topk} active experts are more than the ${moe.experts} there are`;
  return (moe.first_dense ?? 0) >= (layers ?? Infinity) ? `none of the ${layers} layers has experts` : null;
};

/** Null for attention with keys and values of its own; a query rank that is not stated means there is none. */
export const latentOf = ({ model: { mla } }: Row): LatentAttention | null =>
  mla === null || mla.kv_lora === null || mla.qk_nope === null || mla.qk_rope === null
    ? null
    : { queryRank: mla.q_lora, kvRank: mla.kv_lora, plainDim: mla.qk_nope, ropeDim: mla.qk_rope };

const latentRefusal = ({ model: { mla } }: Row): string | null =>
  mla !== null && (mla.kv_lora === null || mla.qk_nope === null || mla.qk_rope === null || mla.v_head === null)
    ? 'multi-head latent attention whose ranks and widths are not published'
    : null;

/** `gqa-alternating-sliding-window-128`: from the first layer on, every other one sees that many tokens. */
const ALTERNATING = /alternating-sliding-window-(\d+)/;

export const windowOf = ({ model: { attn } }: Row, layers: number): SlidingWindow | null => {
  const size = Number(ALTERNATING.exec(attn ?? '')?.[1]);
  return size > 0 ? { size, layers: byLayer(layers, (layer) => layer % 2 === 0) } : null;
};

/** Kinds of attention that nothing here computes. */
const attentionRefusal = ({ model: { attn } }: Row): string | null =>
  attn !== null && /hybrid|deltanet|linear|sparse/i.test(attn) ? `attention of another kind: ${attn}` : null;

/** `unknown (recipe default 1 from 25.11)`: so many from that release of the framework on. */
const SINCE = /default (\d+) from (\d+\.\d+)/;
const RELEASE = /\d+\.\d+(\.\d+)?$/;

export const predictorsOf = ({ model: { mtp_layers: written, name }, framework }: Row): Filled<number> => {
  if (typeof written === 'number') return stated(written);
  const [, count, since] = SINCE.exec(written ?? '') ?? [];
  const release = RELEASE.exec(framework ?? '')?.[0];
  if (count !== undefined && since !== undefined && release !== undefined) {
    // Releases are years and months, both of two digits.
    const value = release >= since ? Number(count) : 0;
    return assume(value, `mtp_layers ${value}: what the recipe of release ${release} has`);
  }
  return name?.startsWith('deepseek-v3') === true ? assume(0, 'mtp_layers 0: not stated') : stated(0);
};
