/** The notes of all roles as arrays of numbers, which thousands of ranks play from. */
import { collectiveShape } from '../../collectives/collective.ts';
import { pushTime } from '../../collectives/link-rate.ts';
import type { Collective } from '../../effects/effect.ts';
import type { Axis } from '../../effects/group.ts';
import type { Rank } from '../../units/identity.ts';
import { instantZero, later } from '../../units/quantity.ts';
import type { Term } from '../evaluation.ts';
import { TERMS } from '../evaluation.ts';
import type { Machine } from '../machine.ts';
import type { Aside, Note, Role } from './score.ts';

/** What a line asks for, and what its two numbers and its time are. */
export const RUN = 0;
/** `a`: a kind of group and the desk that its members come to; `b`: a collective of the catalogue; time: what it takes. */
export const MEET = 1;
/** `a`: how far away the peer is; `b`: which of its letters this is; time: on a near link, and `far` on a far one. */
export const SEND = 2;
/** `a`: which of the rank's letters. */
export const RECEIVE = 3;
/** `a`: the line where the strand begins; `b`: its desk. */
export const FORK = 4;
/** `a`: its desk. */
export const JOIN = 5;
export const END = 6;

/** Groups that cover all ranks: every `stride`-th of a run of ranks, `size` of them. */
export interface GroupKind {
  readonly stride: number;
  readonly size: number;
}
/** What ranks do together, as it costs where groups lie like the first one seen. */
export interface Meeting {
  readonly effect: Collective;
  readonly nanoseconds: number;
}

export interface Parts {
  readonly op: Uint8Array;
  readonly a: Int32Array;
  readonly b: Int32Array;
  /** The term that a wait counts as. */
  readonly term: Uint8Array;
  readonly nanoseconds: Float64Array;
  readonly far: Float64Array;
  /** The lane that a message is pushed on. */
  readonly lane: Uint8Array;
  /** By role, where it begins. */
  readonly starts: readonly number[];
  /** By role, letters that a rank gets. */
  readonly letters: readonly number[];
  readonly kinds: readonly GroupKind[];
  readonly meetings: readonly Meeting[];
  /** Strands that a rank has at a time, at most. */
  readonly desks: number;
  readonly lanes: readonly Axis[];
}

/** `firsts`: by role, the rank that was recorded. Roles follow each other in the order of the ranks, equally many each. */
export const partsOf = (roles: readonly Role[], firsts: readonly Rank[], machine: Machine): Parts =>
  new Copyist(roles, firsts, machine).parts();

/** A line that is not written yet; what it lacks is 0. */
interface Line {
  readonly op: number;
  readonly a?: number;
  readonly b?: number;
  readonly nanoseconds?: number;
  readonly far?: number;
  readonly lane?: number;
  readonly term?: Term;
}

class Copyist {
  readonly #roles: readonly Role[];
  readonly #firsts: readonly Rank[];
  readonly #machine: Machine;
  readonly #lines: Line[] = [];
  readonly #kinds: GroupKind[] = [];
  readonly #meetings: Meeting[] = [];
  readonly #knownMeetings = new Map<string, number>();
  readonly #lanes: Axis[] = [];
  readonly #letters: readonly Letters[];
  #desks = 1;

  constructor(roles: readonly Role[], firsts: readonly Rank[], machine: Machine) {
    this.#roles = roles;
    this.#firsts = firsts;
    this.#machine = machine;
    this.#letters = roles.map(() => new Letters());
  }

  parts(): Parts {
    const starts = this.#roles.map((role, index) => {
      const place: Place = { role: index, desk: 0, desks: new Desks(), asides: new Map(), hasWaited: false };
      const start = this.#copy(role.notes, place);
      this.#desks = Math.max(this.#desks, place.desks.count);
      return start;
    });
    for (const letters of this.#letters) letters.check();
    const lines = this.#lines;
    return {
      op: Uint8Array.from(lines, ({ op }) => op),
      a: Int32Array.from(lines, ({ a = 0 }) => a),
      b: Int32Array.from(lines, ({ b = 0 }) => b),
      term: Uint8Array.from(lines, ({ term = 'bubble' }) => TERMS.indexOf(term)),
      nanoseconds: Float64Array.from(lines, ({ nanoseconds = 0 }) => nanoseconds),
      far: Float64Array.from(lines, ({ far = 0 }) => far),
      lane: Uint8Array.from(lines, ({ lane = 0 }) => lane),
      starts,
      letters: this.#letters.map(({ count }) => count),
      kinds: this.#kinds,
      meetings: this.#meetings,
      desks: this.#desks,
      lanes: this.#lanes,
    };
  }

  /** Writes the notes of a strand, behind those of the strands that it forks; the answer is where it begins. */
  #copy(notes: readonly Note[], place: Place): number {
    const lines = notes.flatMap((note) => this.#linesOf(note, place));
    const start = this.#lines.length;
    for (const line of lines) this.#lines.push(line);
    this.#lines.push({ op: END });
    return start;
  }

  #linesOf(note: Note, place: Place): readonly Line[] {
    switch (note.kind) {
      case 'run':
        return [{ op: RUN, nanoseconds: note.nanoseconds }];
      case 'meet':
        place.hasWaited = true;
        return [this.#meet(note, place)];
      case 'send':
        return [this.#send(note, place)];
      case 'receive':
        place.hasWaited = true;
        return [{ op: RECEIVE, a: this.#letters[place.role]!.received(note.by, note.tag), term: note.term }];
      case 'fork': {
        const desk = place.desks.take();
        place.asides.set(note.aside, { desk, forker: place.desk, isJoined: false, isHeld: false });
        return [{ op: FORK, a: this.#copy(note.aside.notes, { ...place, desk, hasWaited: false }), b: desk }];
      }
      case 'join':
        return joinLines(note.aside, place);
      default:
        return note satisfies never;
    }
  }

  #send({ by, axis, tag, size }: Extract<Note, { kind: 'send' }>, { role }: Place): Line {
    const { scaleUp, nic } = this.#machine.links;
    const [near, far] = [scaleUp, nic].map((link) => later(instantZero, pushTime(size, link)));
    const letter = this.#letters[this.#roleOf(this.#firsts[role]! + by)]!.sent(-by, tag);
    const lane = indexIn(this.#lanes, axis, (one) => one === axis);
    return { op: SEND, a: by, b: letter, nanoseconds: near!, far: far!, lane };
  }

  #meet({ effect, nanoseconds, term }: Extract<Note, { kind: 'meet' }>, { desk }: Place): Line {
    const { stride, size } = effect.group;
    const kind = indexIn(this.#kinds, { stride, size }, (one) => one.stride === stride && one.size === size);
    const shape = collectiveShape(effect, this.#machine.scaleUpDomain);
    const key = JSON.stringify([effect.group.axis, stride, shape]);
    let meeting = this.#knownMeetings.get(key);
    if (meeting === undefined) {
      meeting = this.#meetings.push({ effect, nanoseconds }) - 1;
      this.#knownMeetings.set(key, meeting);
    }
    return { op: MEET, a: kind * DESKS_MAX + desk, b: meeting, nanoseconds, term };
  }

  #roleOf(rank: number): number {
    const next = this.#firsts.findIndex((first) => first > rank);
    return next === -1 ? this.#firsts.length - 1 : next - 1;
  }
}

/** By which a kind of group and a desk are one number. */
export const DESKS_MAX = 256;

/** What is known of a strand that has been forked. */
interface Seated {
  readonly desk: number;
  readonly forker: number;
  /** Whoever forked it has waited for it: then nobody has to any more who is forked later. */
  isJoined: boolean;
  /** Somebody may come to wait for it at any time: its desk stays its own. */
  isHeld: boolean;
}
/** Where the notes of a strand are copied for. */
interface Place {
  readonly role: number;
  readonly desk: number;
  readonly desks: Desks;
  readonly asides: Map<Aside, Seated>;
  /** The strand itself may be late by now. */
  hasWaited: boolean;
}

/**
 * A strand that waits for another one's strand does so first of all, and so before its forker goes on: only then is it
 * safe to give the desk of the one that is waited for to another one as soon as its forker has waited for it too.
 */
const joinLines = (aside: Aside, place: Place): readonly Line[] => {
  const seated = place.asides.get(aside);
  if (seated === undefined) throw new Error('a strand is waited for that nobody has forked');
  if (seated.isJoined) return [];
  if (seated.forker === place.desk) {
    seated.isJoined = true;
    if (!seated.isHeld) place.desks.giveBack(seated.desk);
  } else if (place.hasWaited) seated.isHeld = true;
  place.hasWaited = true;
  return [{ op: JOIN, a: seated.desk, term: aside.term }];
};

/** Places for the strands of a rank: one that is not needed any more goes to the next that comes. */
class Desks {
  readonly #free: number[] = [];
  count = 1;

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.count === DESKS_MAX) throw new RangeError(`more than ${DESKS_MAX} strands of a rank at a time`);
    return this.count++;
  }
  giveBack(desk: number): void {
    this.#free.push(desk);
  }
}

/** Numbers the letters that a role gets: the n-th that is sent with a tag is the n-th that is received with it. */
class Letters {
  readonly #sent = new Map<string, number>();
  readonly #received = new Map<string, number>();
  readonly #numbers = new Map<string, number>();

  get count(): number {
    return this.#numbers.size;
  }
  sent(by: number, tag: number): number {
    return this.#next(this.#sent, by, tag);
  }
  received(by: number, tag: number): number {
    return this.#next(this.#received, by, tag);
  }
  check(): void {
    for (const [channel, count] of this.#received)
      if ((this.#sent.get(channel) ?? 0) < count)
        throw new Error(`deadlock: nobody sends message ${count} of ${channel}`);
  }
  #next(counts: Map<string, number>, by: number, tag: number): number {
    const channel = `tag ${tag} from ${by}`;
    const ordinal = (counts.get(channel) ?? 0) + 1;
    counts.set(channel, ordinal);
    const name = `${channel}, ${ordinal}`;
    const known = this.#numbers.get(name) ?? this.#numbers.size;
    this.#numbers.set(name, known);
    return known;
  }
}

const indexIn = <One>(all: One[], one: One, isSame: (other: One) => boolean): number => {
  const index = all.findIndex(isSame);
  return index >= 0 ? index : all.push(one) - 1;
};
