/**
 * What a rank does in a step, as far as time is concerned: recorded once from the program of a role, and played by every
 * rank that has the role. Collectives and messages stand in it one by one, with the ranks they meet named relative to
 * whoever plays.
 */
import type { Collective } from '../../effects/effect.ts';
import type { Axis } from '../../effects/group.ts';
import type { Bytes } from '../../units/quantity.ts';
import type { Term } from '../evaluation.ts';
import type { Meter } from '../meter.ts';

/** A strand that another one forks: one object for each place in the program where that happens. */
export interface Aside {
  readonly notes: readonly Note[];
  /** What it was busy with last: whoever waits for it waits for that. */
  readonly term: Term;
}

export type Note =
  /** The rank is busy by itself. */
  | { readonly kind: 'run'; readonly nanoseconds: number }
  /** All of a group come, and then it takes so long. */
  | { readonly kind: 'meet'; readonly effect: Collective; readonly nanoseconds: number; readonly term: Term }
  | { readonly kind: 'send'; readonly by: number; readonly axis: Axis; readonly tag: number; readonly size: Bytes }
  | { readonly kind: 'receive'; readonly by: number; readonly tag: number; readonly term: Term }
  | { readonly kind: 'fork'; readonly aside: Aside }
  | { readonly kind: 'join'; readonly aside: Aside };

export interface Role {
  readonly notes: readonly Note[];
  /** Effects of its program that the notes stand for, waits for its own strands included. */
  readonly effects: number;
  /** What its time goes to, waits apart; times only. */
  readonly work: Meter;
}

/** Writes notes; consecutive runs become one. */
export class NoteWriter {
  readonly notes: Note[] = [];

  write(note: Note): void {
    const last = this.notes.at(-1);
    if (note.kind === 'run' && last?.kind === 'run')
      this.notes[this.notes.length - 1] = { kind: 'run', nanoseconds: last.nanoseconds + note.nanoseconds };
    else if (note.kind !== 'run' || note.nanoseconds > 0) this.notes.push(note);
  }
  /** What a section was recorded as, once more. */
  repeat(notes: readonly Note[]): void {
    for (const note of notes) this.write(note);
  }
}
