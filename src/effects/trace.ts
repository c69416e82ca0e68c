/** What happened in a world, effect by effect: both worlds write it, and only `report/` and tests read it. */
import type { Dtype } from '../kernels/dtype.ts';
import type { Op } from '../kernels/op.ts';
import type { Moment } from '../memory/moment.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { Tier } from '../memory/tier.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant } from '../units/quantity.ts';
import type { Algorithm, Operation } from './effect.ts';
import type { Axis, Group } from './group.ts';

/** What a strand is in the middle of; one object for as long as that is so. */
export interface Scene {
  /** The path of the strand. */
  readonly strand: string;
  /** The pass of the schedule; null outside of all passes. */
  readonly moment: Moment | null;
  /** The key of the innermost section. */
  readonly section: string | null;
  /** The messages and sums of a collective are a part of it. */
  readonly isCollective: boolean;
}

/** Something that kept a lane of a rank busy. */
export interface Span {
  readonly kind: 'span';
  readonly rank: Rank;
  readonly lane: string;
  readonly name: string;
  readonly start: Instant;
  readonly end: Instant;
  /** Where somebody asked for details. */
  readonly scene?: Scene;
  readonly op?: Op;
}
/** A message, from the moment it was asked for to the moment it was complete at the other end. */
export interface Message {
  readonly kind: 'message';
  readonly from: Rank;
  readonly to: Rank;
  readonly axis: Axis;
  readonly tag: number;
  /** The path of the strand that sent it: those of one (from, to, strand) go the same way in every world. */
  readonly strand: string;
  readonly size: Bytes;
  readonly sent: Instant;
  readonly arrived: Instant;
}
/** A rank went on with a message it had asked for. */
export interface Receipt {
  readonly kind: 'receipt';
  readonly from: Rank;
  readonly to: Rank;
  readonly axis: Axis;
  readonly tag: number;
  readonly size: Bytes;
  readonly at: Instant;
  /** Since when it had waited, where somebody asked for details. */
  readonly asked?: Instant;
  readonly scene?: Scene;
}
/** A rank's part in a collective, from the moment it was asked for until the rank went on: where details are asked for. */
export interface Combining {
  readonly kind: 'collective';
  readonly rank: Rank;
  readonly operation: Operation;
  readonly algorithm: Algorithm['kind'];
  readonly group: Group;
  readonly dtype: Dtype;
  /** Elements of the whole. */
  readonly elements: number;
  readonly start: Instant;
  readonly end: Instant;
  readonly scene: Scene;
}
/**
 * What a rank holds for a purpose from now on: the running total in the order of time, where details are asked for. The
 * books of memory count strands that run side by side in the order of the program, and are never below it.
 */
export interface Held {
  readonly kind: 'memory';
  readonly rank: Rank;
  readonly purpose: Purpose;
  readonly tier: Tier;
  readonly size: Bytes;
  readonly at: Instant;
}
/** A strand was started by another one, or another one has waited for its end: where details are asked for. */
export interface Branch {
  readonly kind: 'fork' | 'join';
  readonly rank: Rank;
  readonly strand: string;
  readonly child: string;
  readonly at: Instant;
}
/** A lifecycle moved on. */
export interface Passage {
  readonly kind: 'passage';
  readonly rank: Rank;
  readonly subject: string;
  readonly from: string;
  readonly event: string;
  readonly to: string;
  readonly at: Instant;
}
/** A strand's choice by data: what decided which messages follow. */
export interface Choice {
  readonly kind: 'choice';
  readonly rank: Rank;
  /** The path of the strand that chose: its choices, in order, can be replayed in another world. */
  readonly strand: string;
  readonly answer: readonly number[];
  readonly at: Instant;
}

export const sceneOf = (strand: string): Scene => ({ strand, moment: null, section: null, isCollective: false });

/** The name of the strand that another one forks under `name`, as its fork number `ordinal`; that of a root is empty. */
export const strandPath = (parent: string, name: string | null, ordinal: number): string =>
  `${parent}/${ordinal}${name === null ? '' : ` ${name}`}`;

export type TraceEntry = Span | Message | Receipt | Combining | Held | Branch | Passage | Choice;
export type Trace = readonly TraceEntry[];
