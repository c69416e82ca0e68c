/**
 * What a rank does between two cuts of its program, as far as time is concerned: a few instructions that do not depend on
 * when they run. Recorded once from the program itself, they are replayed for every pass that does the same.
 */
import type { Term } from './evaluation.ts';

export type Instruction =
  /** The rank is busy. */
  | { readonly kind: 'run'; readonly nanoseconds: number }
  /** Waits for the message of this pass. */
  | { readonly kind: 'receive' }
  /** Pushes the message of this pass, of so many bytes. */
  | { readonly kind: 'send'; readonly size: number }
  /** Starts work beside: on the stream of the rank's traffic, behind what is there, or by itself. */
  | { readonly kind: 'start'; readonly name: string; readonly nanoseconds: number; readonly isStreamed: boolean }
  /** Waits until all stages have come as far, and is busy together with them. */
  | { readonly kind: 'meet'; readonly nanoseconds: number }
  /** Waits for the oldest work of that name not yet waited for; the wait counts as `term`. */
  | { readonly kind: 'wait'; readonly name: string; readonly term: Term };

export type Tape = readonly Instruction[];

/** Receives or not, runs, and sends or not. */
export interface PlainTape {
  readonly receives: boolean;
  readonly nanoseconds: number;
  /** Bytes; null when nothing is sent. */
  readonly sends: number | null;
}

/** Null for a tape that does anything else, or anything in another order. */
export const plainTape = (tape: Tape): PlainTape | null => {
  const rest = [...tape];
  const receives = rest[0]?.kind === 'receive';
  if (receives) rest.shift();
  const last = rest.at(-1);
  const sends = last?.kind === 'send' ? last.size : null;
  if (sends !== null) rest.pop();
  const [run, ...more] = rest;
  if (more.length > 0 || (run !== undefined && run.kind !== 'run')) return null;
  return { receives, nanoseconds: run?.nanoseconds ?? 0, sends };
};

/** Writes a tape; consecutive runs become one. */
export class TapeWriter {
  #instructions: Instruction[] = [];

  write(instruction: Instruction): void {
    const last = this.#instructions.at(-1);
    if (instruction.kind === 'run' && last?.kind === 'run')
      this.#instructions[this.#instructions.length - 1] = {
        kind: 'run',
        nanoseconds: last.nanoseconds + instruction.nanoseconds,
      };
    else if (instruction.kind !== 'run' || instruction.nanoseconds > 0) this.#instructions.push(instruction);
  }

  /** What was written since the last cut. */
  cut(): Tape {
    const tape = this.#instructions;
    this.#instructions = [];
    return tape;
  }
}
