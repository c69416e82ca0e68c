/**
 * A trace in Perfetto's own format, the smallest and the fastest to open: field numbers by
 * https://github.com/google/perfetto/tree/main/protos/perfetto/trace, tracks by https://perfetto.dev/docs/reference/synthetic-track-event.
 */
import type { Trace } from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';
import { ByteBuffer } from './byte-buffer.ts';
import type { Counter, RankPicture, Subject, Track } from './picture.ts';
import { picturesOf, TIMELINE } from './picture.ts';
import type { Slice } from './slices.ts';
import type { Words } from './words.ts';

const PACKET = { packet: 1 } as const;
const IN_PACKET = { timestamp: 8, sequence: 10, event: 11, interned: 12, flags: 13, descriptor: 60 } as const;
const EVENT = {
  annotations: 4,
  type: 9,
  name: 10,
  track: 11,
  categories: 22,
  counter: 30,
  flow: 47,
  terminatingFlow: 48,
} as const;
const TYPE = { begin: 1, end: 2, instant: 3, counter: 4 } as const;
const DESCRIPTOR = {
  uuid: 1,
  name: 2,
  parent: 5,
  counter: 8,
  childOrdering: 11,
  siblingRank: 12,
  description: 14,
} as const;
const ANNOTATION = { name: 1, int: 4, text: 6 } as const;
const INTERNED = { eventNames: 2, annotationNames: 3, iid: 1, name: 2 } as const;
const COUNTER = { unit: 3, bytes: 3 } as const;
const ORDER_EXPLICIT = 3;
/** Flags of a sequence: what was interned before is forgotten; what is interned is needed. */
const CLEARED = 1;
const NEEDS_STATE = 2;

/** Tracks of a rank are numbered from the rank's own on. */
const TRACKS_A_RANK = 2 ** 20;
/** A piece is written whenever so much of it is there. */
const PIECE = 2 ** 18;

/**
 * Each rank is a sequence of packets of its own, in the order of time. Ranks and lanes are plain tracks: only those keep the
 * order that a trace asks for, tracks of a system's processes and threads do not.
 */
export function* perfettoBytes(trace: Trace, subject: Subject): Generator<Uint8Array> {
  const buffer = new ByteBuffer();
  packet(buffer, () => {
    buffer.whole(IN_PACKET.sequence, 1);
    buffer.nested(IN_PACKET.descriptor, () => {
      buffer.whole(DESCRIPTOR.uuid, 0);
      buffer.whole(DESCRIPTOR.childOrdering, ORDER_EXPLICIT);
      buffer.text(DESCRIPTOR.description, `${TIMELINE} ${subject.world}: ${subject.title}`);
    });
  });
  for (const picture of picturesOf(trace, subject)) yield* new RankSequence(buffer, picture).write();
  if (buffer.length > 0) yield buffer.take();
}

const packet = (buffer: ByteBuffer, write: () => void): void => buffer.nested(PACKET.packet, write);

/** What happens on a track at a moment; a slice ends before another one of its track begins. */
interface Happening {
  readonly at: Instant;
  readonly track: number;
  readonly slice: Slice | null;
  readonly type: (typeof TYPE)[keyof typeof TYPE];
  /** Of a counter. */
  readonly size: number;
}

class RankSequence {
  readonly #buffer: ByteBuffer;
  readonly #picture: RankPicture;
  readonly #names = new Map<string, number>();
  readonly #words = new Map<string, number>();
  readonly #uuid: number;

  constructor(buffer: ByteBuffer, picture: RankPicture) {
    this.#buffer = buffer;
    this.#picture = picture;
    this.#uuid = (picture.rank + 1) * TRACKS_A_RANK;
  }

  *write(): Generator<Uint8Array> {
    const { tracks, counters, rank, label } = this.#picture;
    this.#describe(this.#uuid, { name: label, parent: null, place: rank, isFirst: true });
    for (const [index, { label: name, place }] of tracks.entries())
      this.#describe(this.#uuid + 1 + index, { name, parent: this.#uuid, place });
    for (const [index, { label: name, place }] of counters.entries())
      this.#describe(this.#counterUuid(index), {
        name: `${name} (bytes)`,
        parent: this.#uuid,
        place: COUNTERS_BEHIND + place,
        isCounter: true,
      });
    for (const happening of this.#happenings(tracks, counters)) {
      this.#tell(happening);
      if (this.#buffer.length > PIECE) yield this.#buffer.take();
    }
  }

  #counterUuid(index: number): number {
    return this.#uuid + TRACKS_A_RANK / 2 + index;
  }

  #describe(uuid: number, { name, parent, place, isFirst = false, isCounter = false }: Described): void {
    const buffer = this.#buffer;
    packet(buffer, () => {
      this.#sequence(isFirst ? CLEARED : NEEDS_STATE);
      buffer.nested(IN_PACKET.descriptor, () => {
        buffer.whole(DESCRIPTOR.uuid, uuid);
        buffer.text(DESCRIPTOR.name, name);
        if (parent !== null) buffer.whole(DESCRIPTOR.parent, parent);
        if (isCounter) buffer.nested(DESCRIPTOR.counter, () => buffer.whole(COUNTER.unit, COUNTER.bytes));
        if (parent === null) buffer.whole(DESCRIPTOR.childOrdering, ORDER_EXPLICIT);
        buffer.whole(DESCRIPTOR.siblingRank, place);
      });
    });
  }

  /** In the order of time; of what happens at once on a track, what ends comes first. */
  #happenings(tracks: readonly Track[], counters: readonly Counter[]): readonly Happening[] {
    const all = tracks.flatMap(({ slices }, index): Happening[] =>
      slices.flatMap((slice) => startAndEnd(slice, this.#uuid + 1 + index)),
    );
    for (const [index, { points }] of counters.entries())
      for (const { at, size } of points)
        all.push({ at, track: this.#counterUuid(index), slice: null, type: TYPE.counter, size });
    // Sorting is stable, and what stands on a track stands in its order.
    return all.toSorted((a, b) => a.at - b.at);
  }

  #tell({ at, track, slice, type, size }: Happening): void {
    const buffer = this.#buffer;
    const isNamed = slice !== null && type !== TYPE.end;
    const name = isNamed ? internedIn(this.#names, slice.name) : null;
    const words = isNamed ? Object.keys(slice.words).map((word) => internedIn(this.#words, word)) : [];
    packet(buffer, () => {
      buffer.whole(IN_PACKET.timestamp, at);
      this.#sequence(NEEDS_STATE);
      this.#intern({ eventNames: name === null ? [] : [name], annotationNames: words });
      buffer.nested(IN_PACKET.event, () => {
        buffer.whole(EVENT.type, type);
        buffer.whole(EVENT.track, track);
        if (type === TYPE.counter) buffer.whole(EVENT.counter, size);
        if (name !== null) this.#tellSlice(slice!, name.id);
      });
    });
  }

  #tellSlice({ category, flow, words }: Slice, name: number): void {
    const buffer = this.#buffer;
    buffer.whole(EVENT.name, name);
    buffer.text(EVENT.categories, category);
    if (flow !== null) buffer.fixed64(flow.end === 'from' ? EVENT.flow : EVENT.terminatingFlow, flow.id);
    this.#annotate(words);
  }

  #annotate(words: Words): void {
    const buffer = this.#buffer;
    for (const [word, value] of Object.entries(words))
      buffer.nested(EVENT.annotations, () => {
        buffer.whole(ANNOTATION.name, this.#words.get(word)!);
        if (typeof value === 'string') buffer.text(ANNOTATION.text, value);
        else buffer.signed(ANNOTATION.int, value);
      });
  }

  #sequence(flags: number): void {
    this.#buffer.whole(IN_PACKET.sequence, this.#picture.rank + 2);
    this.#buffer.whole(IN_PACKET.flags, flags);
  }

  /** Says what the new ones of these numbers stand for. */
  #intern(names: Readonly<Record<'eventNames' | 'annotationNames', readonly Interned[]>>): void {
    const buffer = this.#buffer;
    const fresh = (['eventNames', 'annotationNames'] as const).flatMap((kind) =>
      names[kind].filter(({ isNew }) => isNew).map((one) => ({ kind, ...one })),
    );
    if (fresh.length === 0) return;
    buffer.nested(IN_PACKET.interned, () => {
      for (const { kind, id, text } of fresh)
        buffer.nested(INTERNED[kind], () => {
          buffer.whole(INTERNED.iid, id);
          buffer.text(INTERNED.name, text);
        });
    });
  }
}

/** Behind all tracks of slices. */
const COUNTERS_BEHIND = 2 ** 20;

interface Described {
  readonly name: string;
  readonly parent: number | null;
  readonly place: number;
  readonly isFirst?: boolean;
  readonly isCounter?: boolean;
}

interface Interned {
  readonly id: number;
  readonly text: string;
  readonly isNew: boolean;
}
const internedIn = (known: Map<string, number>, text: string): Interned => {
  const id = known.get(text);
  if (id !== undefined) return { id, text, isNew: false };
  known.set(text, known.size + 1);
  return { id: known.size, text, isNew: true };
};

/** What takes no time is a moment: there is nothing to nest. */
const startAndEnd = (slice: Slice, track: number): readonly Happening[] =>
  slice.start === slice.end
    ? [{ at: slice.start, track, slice, type: TYPE.instant, size: 0 }]
    : [
        { at: slice.start, track, slice, type: TYPE.begin, size: 0 },
        { at: slice.end, track, slice, type: TYPE.end, size: 0 },
      ];
