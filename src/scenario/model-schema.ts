/** A model as it is written in YAML: what may be left out is a GPT's, a bias is given once or by place. */
import { z } from 'zod';
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import type { Model } from './model.ts';
import { nearestNumber } from './nearest.ts';
import { closed, flag, oneOf, whole, words } from './shape.ts';
import type { Tree } from './tree.ts';
import { nearestAt, writtenHere } from './tree.ts';

const biases = z.union(
  [
    flag,
    closed(
      { qkv: flag, attentionOut: flag, mlp: flag, head: flag.optional() },
      'a mapping of qkv, attentionOut and mlp',
    ),
  ],
  { error: 'true, false, or a mapping of qkv, attentionOut and mlp' },
);

/** Far beyond every model that has been trained; the time to plan one grows with its layers. */
export const LAYERS_MAX = 1_000;
export const WIDTH_MAX = 2 ** 24;
const width = whole(1, WIDTH_MAX);

export const modelSchema = closed(
  {
    name: words.describe('How reports call it.'),
    layers: whole(1, LAYERS_MAX),
    hidden: width.describe('Width of the residual stream.'),
    heads: width.describe('Query heads.'),
    kvHeads: width.optional().describe('Key and value heads. Absent: as many as heads.'),
    headDim: width.optional().describe('Absent: hidden / heads.'),
    ffn: width.optional().describe('Width of the MLP. Absent: 4 hidden, for a gated MLP it must be given.'),
    gated: flag.default(false).describe('True for SwiGLU and its kin.'),
    activation: oneOf(['gelu', 'silu', 'relu']).optional().describe('Absent: silu if gated, gelu otherwise.'),
    norm: oneOf(['layernorm', 'rmsnorm']).default('layernorm'),
    parallelBlock: flag.default(false).describe('Attention and MLP side by side, as in GPT-NeoX.'),
    position: oneOf(['learned', 'rope', 'alibi', 'none']).default('learned'),
    positions: whole(0, 100_000_000).default(0).describe('Rows of the learned position table.'),
    vocabulary: width,
    tied: flag.default(true).describe('The head reuses the embedding.'),
    bias: biases.default(true).describe('true: everywhere but in the head.'),
    embeddingNorm: flag.default(false).describe('A norm after the embedding, as in BLOOM.'),
    dropout: flag.default(true).describe('Training drops activations and keeps the masks, as GPT-3 does.'),
    source: words.default('given in the scenario').describe('Where the shape was published.'),
  },
  'a model',
);
type Written = z.output<typeof modelSchema>;

/** The rest of what was left out follows from what was given. */
export const modelFrom = ({ bias, ...written }: Written): Model => ({
  ...written,
  kvHeads: written.kvHeads ?? written.heads,
  headDim: written.headDim ?? written.hidden / written.heads,
  ffn: written.ffn ?? 4 * written.hidden,
  activation: written.activation ?? (written.gated ? 'silu' : 'gelu'),
  bias: biasFrom(bias),
});

const biasFrom = (bias: Written['bias']): Model['bias'] =>
  typeof bias === 'boolean'
    ? { qkv: bias, attentionOut: bias, mlp: bias, head: false }
    : { ...bias, head: bias.head ?? false };

/** What no transformer can be. `names` says what its keys are called in a file that is not ours. */
export const modelContradictions = (
  model: Model,
  tree: Tree,
  names: Readonly<Record<string, string>> = {},
): readonly Complaint[] => {
  const nameOf = (key: string): string => names[key] ?? key;
  const isGiven = (key: string): boolean => tree.children.has(nameOf(key));
  return CHECKS.flatMap((check) => check(model, isGiven) ?? []).map(({ keys, message, suggestion }) => {
    const named = keys.map(nameOf);
    const place = writtenHere(tree, named);
    const isFirst = place === nearestAt(tree, named.slice(0, 1));
    return complaintAt(place, message, { suggestion: isFirst && suggestion !== null ? String(suggestion) : null });
  });
};

interface Finding {
  /** Those that do not go together; the suggestion is for the first. */
  readonly keys: readonly [string, ...string[]];
  readonly message: string;
  readonly suggestion: number | null;
}
type Check = (model: Model, isGiven: (key: string) => boolean) => Finding | null;

const headsDivideHidden: Check = ({ heads, hidden, headDim }) =>
  Number.isInteger(headDim)
    ? null
    : {
        keys: ['heads', 'hidden'],
        message: `${heads} heads do not divide hidden ${hidden}, and the width of a head is not given`,
        suggestion: nearestDivisor(heads, hidden),
      };

const groupsDivideHeads: Check = ({ kvHeads, heads }) =>
  heads % kvHeads === 0
    ? null
    : {
        keys: ['kvHeads', 'heads'],
        message: `${kvHeads} kv heads do not divide ${heads} heads`,
        suggestion: nearestDivisor(kvHeads, heads),
      };

const gatedHasWidth: Check = ({ gated }, isGiven) =>
  gated && !isGiven('ffn')
    ? { keys: ['gated'], message: 'a gated MLP needs its width: ffn is missing', suggestion: null }
    : null;

const learnedHasTable: Check = ({ position, positions }) =>
  position === 'learned' && positions === 0
    ? {
        keys: ['position', 'positions'],
        message: 'learned positions need the rows of their table: positions is missing',
        suggestion: null,
      }
    : null;

const othersHaveNone: Check = ({ position, positions }) =>
  position !== 'learned' && positions > 0
    ? {
        keys: ['positions', 'position'],
        message: `${position} positions have no table: positions must be 0`,
        suggestion: 0,
      }
    : null;

const CHECKS: readonly Check[] = [headsDivideHidden, groupsDivideHeads, gatedHasWidth, learnedHasTable, othersHaveNone];

const nearestDivisor = (written: number, whole: number): number | null =>
  nearestNumber(written, { max: whole, isAllowed: (candidate) => whole % candidate === 0 });
