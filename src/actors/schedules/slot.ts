/** One entry of a stage's list: a pass of one microbatch through one model chunk, packed into a small integer. */
import type { Identity, Microbatch, ModelChunk } from '../../units/identity.ts';
import { microbatch, modelChunk } from '../../units/identity.ts';

/**
 * Bit 0 is the pass, bits 1 to 10 the model chunk, bits 11 to 30 the microbatch. A search builds millions of slots: as
 * integers they cost half of what objects cost, and leave nothing to the collector.
 */
export type Slot = Identity<'slot'>;
export type Pass = 'forward' | 'backward';

const chunkShift = 1;
const microbatchShift = 11;
export const chunksMax = 2 ** (microbatchShift - chunkShift);
export const microbatchesMax = 2 ** (31 - microbatchShift);

/** The one place where an integer becomes a slot. */
export const slot = (pass: Pass, microbatch: Microbatch, chunk: ModelChunk): Slot =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where an integer becomes a slot
  ((microbatch << microbatchShift) | (chunk << chunkShift) | (pass === 'backward' ? 1 : 0)) as Slot;

export const passOf = (slot: Slot): Pass => ((slot & 1) === 1 ? 'backward' : 'forward');
export const microbatchOf = (slot: Slot): Microbatch => microbatch(slot >> microbatchShift);
export const chunkOf = (slot: Slot): ModelChunk => modelChunk((slot >> chunkShift) & (chunksMax - 1));
