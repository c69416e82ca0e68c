/**
 * Every rank of a job plays its part with a clock of its own: until it has to wait for a message or for the others of a
 * group, and then from the latest of them on. Exact without an event queue, as every channel has one writer, a group
 * meets in the order of its members' programs, and nothing contends (Kahn 1974); where something does, the wires say when.
 */
import { TERMS } from '../evaluation.ts';
import type { Machine } from '../machine.ts';
import type { Crowd, CrowdCourse, Wires } from './crowd.ts';
import { pick } from './crowd.ts';
import type { Parts } from './parts.ts';
import { DESKS_MAX, END, FORK, JOIN, MEET, RECEIVE, RUN, SEND } from './parts.ts';
import { NOBODY, Post } from './post.ts';

export class Players implements CrowdCourse {
  readonly ends: Float64Array;
  readonly waits: Float64Array;
  steps = 0;

  readonly #parts: Parts;
  readonly #crowd: Crowd;
  readonly #perRole: number;
  /** By strand: the line it is at, its clock, and whether it plays. A strand is a rank's desk. */
  readonly #line: Int32Array;
  readonly #at: Float64Array;
  readonly #isPlaying: Uint8Array;
  /** The strands that wait for this one to end: the last that came, and by each of them the one before it. */
  readonly #joiner: Int32Array;
  readonly #next: Int32Array;
  readonly #firstLetter: Int32Array;
  /** By kind and desk, group by group: how many came, and when the last one did. */
  readonly #come: Int32Array;
  readonly #latest: Float64Array;
  /** By kind: the group of each rank. */
  readonly #groups: readonly Int32Array[];
  readonly #firstGroup: Int32Array;
  readonly #ready: Int32Array;
  #readyCount = 0;
  readonly #wires: Wires | null;
  readonly #post: Post;

  constructor(parts: Parts, crowd: Crowd, { links }: Pick<Machine, 'links'>, wires: Wires | null = null) {
    const { devices } = crowd;
    const { desks, kinds } = parts;
    this.#parts = parts;
    this.#crowd = crowd;
    this.#wires = wires;
    this.#perRole = devices / parts.starts.length;
    this.ends = new Float64Array(devices);
    this.waits = new Float64Array(devices * TERMS.length);
    this.#line = new Int32Array(devices * desks);
    this.#at = new Float64Array(devices * desks);
    this.#isPlaying = new Uint8Array(devices * desks);
    this.#joiner = new Int32Array(devices * desks).fill(NOBODY);
    this.#next = new Int32Array(devices * desks).fill(NOBODY);
    this.#firstLetter = new Int32Array(devices + 1);
    for (let rank = 0; rank < devices; rank++)
      this.#firstLetter[rank + 1] = this.#firstLetter[rank]! + parts.letters[this.#roleOf(rank)]!;
    const wake = (strand: number): void => this.#wake(strand);
    this.#post = new Post({ parts, crowd, links, wires, firstLetter: this.#firstLetter, wake });
    this.#groups = kinds.map(({ stride, size }) =>
      Int32Array.from({ length: devices }, (_, rank) => Math.floor(rank / (stride * size)) * stride + (rank % stride)),
    );
    this.#firstGroup = new Int32Array(kinds.length * DESKS_MAX);
    let groups = 0;
    for (const [kind, { size }] of kinds.entries())
      for (let desk = 0; desk < desks; desk++) {
        this.#firstGroup[kind * DESKS_MAX + desk] = groups;
        groups += devices / size;
      }
    this.#come = new Int32Array(groups);
    this.#latest = new Float64Array(groups).fill(NOBODY);
    this.#ready = new Int32Array(devices * desks);
  }

  play(): CrowdCourse {
    const { devices } = this.#crowd;
    const { desks, starts } = this.#parts;
    for (let rank = devices - 1; rank >= 0; rank--) this.#start(rank * desks, starts[this.#roleOf(rank)]!, 0);
    do while (this.#readyCount > 0) this.#play(this.#ready[--this.#readyCount]!);
    while (this.#wires?.advance() === true);
    const stuck = this.#isPlaying.indexOf(1);
    if (stuck !== -1)
      throw new Error(`deadlock: rank ${Math.floor(stuck / desks)} waits, and nothing is left to happen`);
    return this;
  }

  #roleOf(rank: number): number {
    return Math.floor(rank / this.#perRole);
  }
  #start(strand: number, line: number, at: number): void {
    this.#line[strand] = line;
    this.#at[strand] = at;
    this.#isPlaying[strand] = 1;
    this.#wake(strand);
  }

  #wake(strand: number): void {
    this.#ready[this.#readyCount++] = strand;
  }

  /** Until the strand has to wait, or is at its end. */
  // oxlint-disable-next-line eslint/complexity -- a case for each kind of line, each where it stands, for speed
  #play(strand: number): void {
    const { op, a, b, nanoseconds, term, desks } = this.#parts;
    const rank = Math.floor(strand / desks);
    const { noise } = this.#crowd;
    const slowness = this.#crowd.slowness === null ? 1 : this.#crowd.slowness[rank]!;
    let line = this.#line[strand]!;
    let at = this.#at[strand]!;
    for (; ; line++) {
      this.steps++;
      switch (op[line]!) {
        case RUN:
          if (noise !== null) at += Math.round(nanoseconds[line]! * slowness * pick(noise.compute, rank, line));
          else at += slowness === 1 ? nanoseconds[line]! : Math.round(nanoseconds[line]! * slowness);
          break;
        case MEET: {
          this.#line[strand] = line;
          this.#at[strand] = at;
          if (!this.#gather(strand, rank, line)) return;
          at = this.#at[strand]!;
          break;
        }
        case SEND:
          this.#post.send(rank, line, at);
          break;
        case RECEIVE: {
          const arrival = this.#post.arrival(this.#firstLetter[rank]! + a[line]!, strand);
          if (arrival === NOBODY) {
            this.#line[strand] = line;
            this.#at[strand] = at;
            return;
          }
          at = this.#waited(strand, at, arrival, term[line]!);
          break;
        }
        case FORK: {
          // The strand begins before its forker goes on: see `joinLines`.
          this.#line[strand] = line + 1;
          this.#at[strand] = at;
          this.#wake(strand);
          return this.#start(rank * desks + b[line]!, a[line]!, at);
        }
        case JOIN: {
          const other = rank * desks + a[line]!;
          if (this.#isPlaying[other] === 1) {
            this.#next[strand] = this.#joiner[other]!;
            this.#joiner[other] = strand;
            this.#line[strand] = line;
            this.#at[strand] = at;
            return;
          }
          at = this.#waited(strand, at, this.#at[other]!, term[line]!);
          break;
        }
        case END:
          this.#at[strand] = at;
          return this.#end(strand, rank);
        default:
          throw new RangeError(`line ${line} is of no kind`);
      }
    }
  }

  #end(strand: number, rank: number): void {
    this.#isPlaying[strand] = 0;
    if (strand === rank * this.#parts.desks) this.ends[rank] = this.#at[strand]!;
    for (let joiner = this.#joiner[strand]!; joiner !== NOBODY; joiner = this.#next[joiner]!) {
      const term = this.#parts.term[this.#line[joiner]!++]!;
      this.#at[joiner] = this.#waited(joiner, this.#at[joiner]!, this.#at[strand]!, term);
      this.#wake(joiner);
    }
    this.#joiner[strand] = NOBODY;
  }

  /** When the strand goes on that had to wait until then; only the root's waits are the rank's. */
  #waited(strand: number, at: number, until: number, term: number): number {
    if (until <= at) return at;
    const { desks } = this.#parts;
    if (strand % desks === 0) this.waits[(strand / desks) * TERMS.length + term]! += until - at;
    return until;
  }

  /** False where the strand has to wait: for the last of the group, or for what they do together. */
  #gather(strand: number, rank: number, line: number): boolean {
    const { a, b, kinds, nanoseconds, desks } = this.#parts;
    const kindDesk = a[line]!;
    const kind = Math.floor(kindDesk / DESKS_MAX);
    const { stride, size } = kinds[kind]!;
    const group = this.#groups[kind]![rank]!;
    const desk = this.#firstGroup[kindDesk]! + group;
    const at = this.#at[strand]!;
    if (at > this.#latest[desk]!) this.#latest[desk] = at;
    if (++this.#come[desk]! < size) return false;
    const begun = this.#latest[desk]!;
    this.#come[desk] = 0;
    this.#latest[desk] = NOBODY;
    const first = Math.floor(group / stride) * stride * size + (group % stride);
    const duration = this.#noisy(nanoseconds[line]!, first, line);
    const going = { firstStrand: first * desks + (strand - rank * desks), kind, line, begun, alone: begun + duration };
    const met = { meeting: b[line]!, first, stretch: duration / nanoseconds[line]! };
    if (this.#wires?.meet(met, begun, (end) => this.#dismiss(going, end, NOBODY)) === true) return false;
    this.#dismiss(going, going.alone, strand);
    return true;
  }
  #noisy(nanoseconds: number, rank: number, line: number): number {
    const { noise } = this.#crowd;
    return noise === null ? nanoseconds : Math.round(nanoseconds * pick(noise.network, rank, line));
  }

  /**
   * Sends the members on, who have waited for the last of them; `present` does so by itself. What they did together and
   * took longer than it would have `alone` was a wait, too.
   */
  #dismiss({ firstStrand, kind, line, begun, alone }: Going, end: number, present: number): void {
    const { kinds, desks, term } = this.#parts;
    const { stride, size } = kinds[kind]!;
    const delay = Math.max(0, end - alone);
    for (let member = 0, other = firstStrand; member < size; member++, other += stride * desks) {
      this.#waited(other, this.#at[other]!, begun + delay, term[line]!);
      this.#at[other] = end;
      if (other === present) continue;
      this.#line[other]!++;
      this.#wake(other);
    }
  }
}

/** A group that is about to go on: the strand of its first member, since when all are there, and until when alone. */
interface Going {
  readonly firstStrand: number;
  readonly kind: number;
  readonly line: number;
  readonly begun: number;
  readonly alone: number;
}
