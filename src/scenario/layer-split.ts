/** How training engines let a model's layers be cut into the chunks of a pipeline. */

/**
 * True when the cut is even, or even with the head or both ends of the model counted as a layer each (Megatron-LM's
 * account-for-embedding and account-for-loss). An end may then be a chunk of its own without any layer, as in Llama 3.
 */
export const isRegularSplit = (layers: number, count: number): boolean =>
  [0, 1, 2].some((ends) => layers + ends >= count && (layers + ends) % count === 0);
