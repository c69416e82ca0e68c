/** What a rank's thread is told when it starts, and what it tells the main thread: control only, never a tensor. */
import { pack, unpack } from 'msgpackr';
import type { MemoryDelta } from '../memory/ledger.ts';
import type { Moment } from '../memory/moment.ts';
import type { Rank } from '../units/identity.ts';
import type { ControlShape } from './control-block.ts';
import type { RankLog } from './recorder.ts';
import type { SharedMemory } from './shared-memory.ts';
import type { SharedMemorySettings } from './shared-memory-transport.ts';

/** How the ranks of a crew work, whatever they do. */
export interface CrewSettings extends SharedMemorySettings {
  /** Letters that one rank can have on their way to another before it waits for room. */
  readonly slots: number;
  /** Bytes that a rank's memory may grow to. */
  readonly memoryLimit: number;
  readonly isTraced: boolean;
  /** Where it is traced: what each rank holds, and what each strand is in the middle of, as well. */
  readonly isDetailed: boolean;
}

/** What a thread is born with. */
export interface Start {
  readonly rank: Rank;
  readonly shape: ControlShape;
  readonly control: SharedArrayBuffer;
  /** Of all ranks, in their order. */
  readonly memories: readonly SharedMemory[];
  readonly settings: CrewSettings;
  /** When the run began, by the machine's own clock. */
  readonly origin: bigint;
  /** What the crew is to do: plain data, packed. */
  readonly job: Uint8Array;
  /** What goes with it without being copied: memory that threads share, in plain data. */
  readonly shared: unknown;
}

/** What came of a rank that ran its program to the end. */
export interface RankOutcome {
  readonly rank: Rank;
  /** What its program returned: plain data. */
  readonly result: unknown;
  /** By the books, in the order of the program. */
  readonly memory: MemoryDelta;
  readonly moment: Moment | null;
  /** From its first effect to its last. */
  readonly seconds: number;
  /** The most bytes that were really held at once. */
  readonly arenaPeak: number;
  /** Sleeps that ended because they took too long: none, unless a wake-up was lost or a rank idles for very long. */
  readonly sleepsTooLong: number;
  /** Null unless the crew is traced. */
  readonly log: RankLog | null;
}

export type RankMessage =
  | { readonly kind: 'report'; readonly value: unknown }
  | { readonly kind: 'ended'; readonly outcome: RankOutcome }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly stack: string;
      /** Of the error. */ readonly name: string;
    }
  /** Another rank failed meanwhile. */
  | { readonly kind: 'stopped'; readonly awaited: string };

export const packed = (value: unknown): Uint8Array => pack(value);
export const unpacked = (bytes: Uint8Array): unknown => unpack(bytes);
