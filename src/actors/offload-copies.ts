/**
 * Activations that wait on the host for their backward pass. Beside its units a pass copies one unit's tensors at a time:
 * forward those of the unit before leave while a unit works, backward those of the unit before come back. A pass joins
 * all of its copies, so those of a chunk's last unit, if it is among the units whose tensors wait, are hidden by nothing.
 */
import { move } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Block } from '../effects/tensor.ts';
import type { Moment } from '../memory/moment.ts';
import type { Tier } from '../memory/tier.ts';

/** Layers of a chunk of `layers` whose activations wait on the host, the first ones: theirs is the longest wait. */
export const offloadedLayers = (share: number, layers: number): number =>
  // A share like 0.7 of 10 layers must not round up to 8.
  Math.ceil(Number((share * layers).toFixed(9)));

/** A pass's copies, of which one unit's are on their way. */
export interface Copies {
  readonly moment: Moment;
  underway: Task<void> | null;
}
/** Those of a forward pass. `leaves`: which units of the chunk have their tensors leave. */
export interface Departures extends Copies {
  readonly leaves: readonly boolean[];
}
/** Those of a backward pass. `waiting`: what waits on the host, by unit of the chunk. */
export interface Returns extends Copies {
  readonly waiting: readonly (readonly Block[])[];
}

function* moveAll(blocks: readonly Block[], to: Tier): Program<void> {
  for (const block of blocks) yield* move(block, to);
}

/** Waits for the copies underway: the memory that they leave counts as free from here on. */
export function* finishCopies(copies: Copies): Program<void> {
  if (copies.underway !== null) yield* join(copies.underway);
  copies.underway = null;
}

function* start(copies: Copies, blocks: readonly Block[], to: Tier): Program<void> {
  if (blocks.length > 0) copies.underway = yield* fork(moveAll(blocks, to), to === 'dram' ? 'leave' : 'return');
}

/** Behind the forward pass of unit `index`, which kept `blocks`: those of the unit before have left, and its own set out. */
export function* leaveBehind(departures: Departures, index: number, blocks: readonly Block[]): Program<void> {
  yield* finishCopies(departures);
  if (departures.leaves[index]!) yield* start(departures, blocks, 'dram');
}

/** Ahead of the backward pass of unit `index`: what it needs is back, and what the next one needs sets out. */
export function* returnAhead(returns: Returns, index: number): Program<void> {
  if (returns.underway === null) yield* start(returns, returns.waiting[index]!, 'hbm');
  yield* finishCopies(returns);
  if (index > 0) yield* start(returns, returns.waiting[index - 1]!, 'hbm');
}
