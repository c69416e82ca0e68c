/** What a transformer is, as plain data: enough to count its parameters exactly and to build its layers. */

/** A decoder-only transformer, dense or of experts. All counts are of the unsharded, unpadded model. */
export interface Model {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  /** Key and value heads: `heads` for multi-head attention, fewer for grouped-query attention. */
  readonly kvHeads: number;
  /** Width of a head, whatever hidden / heads is. With latent attention the width of a head's values. */
  readonly headDim: number;
  /** Multi-head latent attention (DeepSeek-V2); null for projections from the residual stream straight to the heads. */
  readonly latent: LatentAttention | null;
  /** RMS norms of queries and keys: one gain of `headDim` for all heads (Qwen3), or one over all heads (OLMo 2). */
  readonly qkNorm: 'none' | 'head' | 'all';
  /** Layers that look back over a window only; null when all look back over everything. */
  readonly window: SlidingWindow | null;
  /** True when a learned logit a head joins each softmax (gpt-oss). */
  readonly sinks: boolean;
  /**
   * Layers in a row that share the keys and values of the first of them (cross-layer attention); 1: each has its own.
   * Norms of shared keys are each layer's own.
   */
  readonly kvShare: number;
  /** Width of the MLP; a gated MLP has two input projections of this width. In a model of experts, that of its dense layers. */
  readonly ffn: number;
  readonly gated: boolean;
  /** Mixture of experts in place of some layers' MLP; null for a dense model. */
  readonly experts: Experts | null;
  /** Modules behind the last layer that each predict one token further (DeepSeek-V3's multi-token prediction). */
  readonly predictors: number;
  readonly activation: 'gelu' | 'silu' | 'relu' | 'squared-relu';
  readonly norm: 'layernorm' | 'rmsnorm';
  /** True when attention and MLP each end in a norm of their own before the residual (Gemma 2). */
  readonly postNorms: boolean;
  /** True when attention and MLP read the same input and are added together (GPT-NeoX, GPT-J). */
  readonly parallelBlock: boolean;
  readonly position: 'learned' | 'rope' | 'alibi' | 'none';
  /** Rows of a learned position table; 0 with any other kind of position. */
  readonly positions: number;
  readonly vocabulary: number;
  /** True when the output head reuses the embedding table. */
  readonly tied: boolean;
  readonly bias: {
    /** With latent attention those of the projections down to the latents. */
    readonly qkv: boolean;
    readonly attentionOut: boolean;
    readonly mlp: boolean;
    readonly head: boolean;
  };
  /** True when a normalisation follows the embedding as in BLOOM. */
  readonly embeddingNorm: boolean;
  /**
   * True when training drops activations at random after the softmax, the attention output, the MLP and the embedding
   * (GPT-2 and GPT-3); the masks are kept for backward. False for Llama and its kin.
   */
  readonly dropout: boolean;
  /** Where the shape was published. */
  readonly source: string;
  /** What the model does that is not counted here, in sentences for the reader. */
  readonly notes?: readonly string[];
}

/** Queries, keys and values are made from narrow latents; a head's query and key have a part with positions and one without. */
export interface LatentAttention {
  /** Width of the queries' latent; null when queries are projected straight from the residual stream. */
  readonly queryRank: number | null;
  /** Width of the latent of keys and values. */
  readonly kvRank: number;
  /** Width of a head's query and key without positions. */
  readonly plainDim: number;
  /** Width of a head's query with rotary positions; its key of that width is shared by all heads. */
  readonly ropeDim: number;
}

export interface SlidingWindow {
  /** Tokens that a query sees, itself among them. */
  readonly size: number;
  /** By layer: true where the window holds, false where attention sees everything. */
  readonly layers: readonly boolean[];
}

export interface Experts {
  /** Routed experts of a layer. */
  readonly count: number;
  /** Routed experts that a token goes to. */
  readonly active: number;
  /** Width of one routed expert's MLP. */
  readonly ffn: number;
  /** Width of the shared experts together, which every token goes to; 0 without. */
  readonly sharedFfn: number;
  /** True when a learned gate of one output weighs the shared expert (Qwen2-MoE). */
  readonly sharedGate: boolean;
  /** The router's bias an expert: a weight added to its logits (gpt-oss) or one that balances the load (DeepSeek-V3). */
  readonly routerBias: boolean;
  /** True when the projections of the experts, shared ones too, have biases (gpt-oss). */
  readonly bias: boolean;
  /** By layer: true where the MLP is a mixture of experts. */
  readonly layers: readonly boolean[];
}

/** What a model is unless it says otherwise. */
export const PLAIN = {
  latent: null,
  qkNorm: 'none',
  window: null,
  sinks: false,
  kvShare: 1,
  experts: null,
  predictors: 0,
  postNorms: false,
} as const satisfies Partial<Model>;
