/** Names of things, so that a rank is never passed where a stage was meant. */
declare const name: unique symbol;
export type Identity<N extends string> = number & { readonly [name]: N };

/** A worker: one card of the job, 0 to devices - 1. */
export type Rank = Identity<'rank'>;
/** A slice of the layers along the pipeline axis, 0 to pp - 1. */
export type Stage = Identity<'stage'>;
/** One of the pieces a global batch is cut into, 0 to microbatches - 1. */
export type Microbatch = Identity<'microbatch'>;
/** A pipeline rank's slice of its layers under interleaving, 0 to vp - 1. */
export type ModelChunk = Identity<'model chunk'>;
/** What is placed in a memory tier. */
export type BlockId = Identity<'block'>;

export const rank = (index: number): Rank => index as Rank;
export const stage = (index: number): Stage => index as Stage;
export const microbatch = (index: number): Microbatch => index as Microbatch;
export const modelChunk = (index: number): ModelChunk => index as ModelChunk;
export const blockId = (index: number): BlockId => index as BlockId;
