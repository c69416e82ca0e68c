/** What a transformer is, as plain data: enough to count its parameters exactly and to build its layers. */

/** A decoder-only dense transformer. All counts are of the unsharded, unpadded model. */
export interface Model {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  /** Key and value heads: `heads` for multi-head attention, fewer for grouped-query attention. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of the MLP; a gated MLP has two input projections of this width. */
  readonly ffn: number;
  readonly gated: boolean;
  readonly activation: 'gelu' | 'silu' | 'relu';
  readonly norm: 'layernorm' | 'rmsnorm';
  /** True when attention and MLP read the same input and are added together (GPT-NeoX, GPT-J). */
  readonly parallelBlock: boolean;
  readonly position: 'learned' | 'rope' | 'alibi' | 'none';
  /** Rows of a learned position table; 0 with any other kind of position. */
  readonly positions: number;
  readonly vocabulary: number;
  /** True when the output head reuses the embedding table. */
  readonly tied: boolean;
  readonly bias: {
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
