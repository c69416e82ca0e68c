/** What happened in a world, effect by effect: both worlds write it, and only `report/` and tests read it. */
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant } from '../units/quantity.ts';
import type { Axis } from './group.ts';

/** Something that kept a lane of a rank busy. */
export interface Span {
  readonly kind: 'span';
  readonly rank: Rank;
  readonly lane: string;
  readonly name: string;
  readonly start: Instant;
  readonly end: Instant;
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

/** The name of the strand that another one forks under `name`, as its fork number `ordinal`; that of a root is empty. */
export const strandPath = (parent: string, name: string | null, ordinal: number): string =>
  `${parent}/${ordinal}${name === null ? '' : ` ${name}`}`;

export type TraceEntry = Span | Message | Receipt | Passage | Choice;
export type Trace = readonly TraceEntry[];
