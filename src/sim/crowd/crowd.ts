/** Ranks that play a job together: what is different from one to the other, what lies between them, and what comes of it. */
import type { Term } from '../evaluation.ts';
import { TERMS } from '../evaluation.ts';
import { totalRecord } from '../../units/total-record.ts';

/** How many times longer something takes than is written: of each rank and line another of these, as many as a power of two. */
export interface Noise {
  readonly compute: Float64Array;
  readonly network: Float64Array;
}
/** Which of so many belongs to a line of a rank: any, but always the same. */
export const pick = (factors: Float64Array, rank: number, line: number): number =>
  factors[((Math.imul(rank + 1, 0x9e3779b1) ^ Math.imul(line + 1, 0x85ebca6b)) >>> 7) & (factors.length - 1)]!;

/** What is different from rank to rank. */
export interface Crowd {
  readonly devices: number;
  /** By rank: how many times longer than written it takes to compute. */
  readonly slowness: Float64Array | null;
  /** By rank: the scale-up domain that it is in. */
  readonly domains: Int32Array;
  /** Null: everything takes what is written. */
  readonly noise: Noise | null;
}

/** What messages travel on where they get in each other's way. */
export interface Wires {
  /** A message that alone takes `size` nanoseconds to push leaves at `at`; `done` is told when it has gone. */
  send(way: { readonly from: number; readonly to: number }, size: number, at: number, done: (at: number) => void): void;
  /**
   * All of a group have come to a meeting that takes `stretch` times as long as the catalogue says; `done` is told when it
   * is over. False: it does not touch the network, and takes what is written.
   */
  meet(what: { meeting: number; first: number; stretch: number }, at: number, done: (at: number) => void): boolean;
  /** Lets happen what happens next; false if there is nothing. */
  advance(): boolean;
}

export interface CrowdCourse {
  /** When each rank was done, in nanoseconds. */
  readonly ends: Float64Array;
  /** Nanoseconds that each rank waited, by rank and term. */
  readonly waits: Float64Array;
  /** What was done by all ranks: lines of their parts. */
  readonly steps: number;
}

/** The terms of a rank's waits, in nanoseconds. */
export const waitsOf = ({ waits }: CrowdCourse, rank: number): Readonly<Record<Term, number>> =>
  totalRecord(TERMS, (_, index) => waits[rank * TERMS.length + index]!);

/** Nanoseconds that the rank waited in all. */
export const waitedBy = ({ waits }: CrowdCourse, rank: number): number => {
  let total = 0;
  for (let index = rank * TERMS.length; index < (rank + 1) * TERMS.length; index++) total += waits[index]!;
  return total;
};
