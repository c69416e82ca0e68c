/** One entry of a stage's list: a pass of one microbatch through one model chunk, packed into a small integer. */
import type { Identity, Microbatch, ModelChunk } from '../../units/identity.ts';
import { microbatch, modelChunk } from '../../units/identity.ts';

/**
 * Bits 0 and 1 are the pass, bit 2 tells whether the slot is joined to the next one, bits 3 to 10 are the model chunk,
 * bits 11 to 30 the microbatch. A search builds millions of slots: as integers they cost half of what objects cost, and
 * leave nothing to the collector.
 */
export type Slot = Identity<'slot'>;

/**
 * In a schedule that splits its backward passes, `backward` makes the gradient of the chunk's input, which another stage
 * waits for, and `weight` those of its weights, which nobody does until the end of the step.
 */
export const PASSES = ['forward', 'backward', 'weight'] as const;
export type Pass = (typeof PASSES)[number];

const passMask = 3;
const joinedBit = 4;
const chunkShift = 3;
const microbatchShift = 11;
export const chunksMax = 2 ** (microbatchShift - chunkShift);
export const microbatchesMax = 2 ** (31 - microbatchShift);

const CODE: Readonly<Record<Pass, number>> = { forward: 0, backward: 1, weight: 2 };

/** The one place where an integer becomes a slot. */
export const slot = (pass: Pass, microbatch: Microbatch, chunk: ModelChunk): Slot =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where an integer becomes a slot
  ((microbatch << microbatchShift) | (chunk << chunkShift) | CODE[pass]) as Slot;

/**
 * The slot as one that belongs together with the slot behind it. A backward joined to its weight pass is a whole backward
 * pass. A forward joined to a backward is of another microbatch: one may hide the messages of the other.
 */
export const joined = (slot: Slot): Slot =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- still a slot
  (slot | joinedBit) as Slot;

export const passOf = (slot: Slot): Pass => PASSES[slot & passMask]!;
export const isJoined = (slot: Slot): boolean => (slot & joinedBit) !== 0;
export const microbatchOf = (slot: Slot): Microbatch => microbatch(slot >> microbatchShift);
export const chunkOf = (slot: Slot): ModelChunk => modelChunk((slot >> chunkShift) & (chunksMax - 1));
