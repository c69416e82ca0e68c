/** Reads Perfetto traces by the field numbers of https://github.com/google/perfetto/tree/main/protos/perfetto/trace. */
import type { Decoded, Schema } from './protobuf-reader.ts';
import { decode } from './protobuf-reader.ts';

const SCHEMA: Schema = {
  Trace: { 1: ['packet', 'TracePacket', 'repeated'] },
  TracePacket: {
    8: ['timestamp', 'uint64'],
    10: ['trusted_packet_sequence_id', 'uint32'],
    11: ['track_event', 'TrackEvent'],
    12: ['interned_data', 'InternedData'],
    13: ['sequence_flags', 'uint32'],
    60: ['track_descriptor', 'TrackDescriptor'],
  },
  TrackEvent: {
    4: ['debug_annotations', 'DebugAnnotation', 'repeated'],
    9: ['type', 'uint32'],
    10: ['name_iid', 'uint64'],
    11: ['track_uuid', 'uint64'],
    22: ['categories', 'string', 'repeated'],
    30: ['counter_value', 'int64'],
    47: ['flow_ids', 'fixed64', 'repeated'],
    48: ['terminating_flow_ids', 'fixed64', 'repeated'],
  },
  DebugAnnotation: {
    1: ['name_iid', 'uint64'],
    4: ['int_value', 'int64'],
    5: ['double_value', 'double'],
    6: ['string_value', 'string'],
  },
  InternedData: { 2: ['event_names', 'Interned', 'repeated'], 3: ['debug_annotation_names', 'Interned', 'repeated'] },
  Interned: { 1: ['iid', 'uint64'], 2: ['name', 'string'] },
  TrackDescriptor: {
    1: ['uuid', 'uint64'],
    2: ['name', 'string'],
    5: ['parent_uuid', 'uint64'],
    8: ['counter', 'CounterDescriptor'],
    11: ['child_ordering', 'uint32'],
    12: ['sibling_order_rank', 'int32'],
    14: ['description', 'string'],
  },
  CounterDescriptor: { 3: ['unit', 'uint32'] },
};

export interface ReadTrack {
  readonly uuid: number;
  readonly name: string;
  readonly parent: number | null;
  readonly place: number | null;
  /** Of a counter: its unit. */
  readonly unit: number | null;
  readonly ordersChildren: boolean;
}
export interface ReadEvent {
  readonly type: 'begin' | 'end' | 'instant' | 'counter';
  readonly at: number;
  readonly sequence: number;
  readonly track: number;
  readonly name: string | null;
  readonly value: number | null;
  readonly flows: readonly number[];
  readonly terminated: readonly number[];
  readonly words: Readonly<Record<string, unknown>>;
}
export interface ReadTrace {
  readonly tracks: ReadonlyMap<number, ReadTrack>;
  /** In the order of the file. */
  readonly events: readonly ReadEvent[];
}

const TYPES = [null, 'begin', 'end', 'instant', 'counter'] as const;

/** Refuses what is used before it is said: tracks, names, and the state of a sequence. */
export const perfettoIn = (bytes: Uint8Array): ReadTrace => {
  const known: Known = { tracks: new Map(), names: new Map(), begun: new Set() };
  const events = listOf(decode(SCHEMA, 'Trace', bytes)['packet']).flatMap((packet) => readPacket(packet, known));
  return { tracks: known.tracks, events };
};

interface Known {
  readonly tracks: Map<number, ReadTrack>;
  readonly names: Map<string, string>;
  /** Sequences that have begun with no state. */
  readonly begun: Set<number>;
}

const readPacket = (packet: Decoded, { tracks, names, begun }: Known): readonly ReadEvent[] => {
  const sequence = numberOf(packet['trusted_packet_sequence_id']);
  const flags = orNull(packet['sequence_flags']) ?? 0;
  if ((flags & 1) !== 0) begun.add(sequence);
  if ((flags & 2) !== 0 && !begun.has(sequence)) throw new Error(`sequence ${sequence} needs a state it has not`);
  for (const [kind, iid, name] of internedIn(packet)) names.set(`${sequence} ${kind} ${iid}`, name);
  if (packet['track_descriptor'] !== undefined) addTrack(tracks, trackOf(packet['track_descriptor'] as Decoded));
  if (packet['track_event'] === undefined) return [];
  const lookUp = (kind: string, iid: unknown): string => {
    const name = names.get(`${sequence} ${kind} ${String(iid)}`);
    if (name === undefined) throw new Error(`sequence ${sequence} knows no ${kind} ${String(iid)}`);
    return name;
  };
  const event = eventOf(packet['track_event'] as Decoded, lookUp);
  if (!tracks.has(event.track)) throw new Error(`no track ${event.track}`);
  return [{ ...event, sequence, at: numberOf(packet['timestamp']) }];
};

const addTrack = (tracks: Map<number, ReadTrack>, track: ReadTrack): void => {
  if (tracks.has(track.uuid)) throw new Error(`two tracks ${track.uuid}`);
  if (track.parent !== null && !tracks.has(track.parent)) throw new Error(`no parent ${track.parent}`);
  tracks.set(track.uuid, track);
};

const listOf = (value: unknown): readonly Decoded[] => (value ?? []) as readonly Decoded[];
const numberOf = (value: unknown): number => {
  if (typeof value !== 'number') throw new Error('no number where one belongs');
  return value;
};
const orNull = (value: unknown): number | null => (value === undefined ? null : numberOf(value));

const internedIn = ({ interned_data: data }: Decoded): readonly (readonly [string, number, string])[] =>
  ['event_names', 'debug_annotation_names'].flatMap((kind) =>
    listOf((data as Decoded | undefined)?.[kind]).map(
      ({ iid, name }) => [kind, numberOf(iid), name as string] as const,
    ),
  );

const trackOf = (track: Decoded): ReadTrack => ({
  uuid: numberOf(track['uuid']),
  name: (track['name'] ?? '') as string,
  parent: orNull(track['parent_uuid']),
  place: orNull(track['sibling_order_rank']),
  unit: track['counter'] === undefined ? null : numberOf((track['counter'] as Decoded)['unit']),
  ordersChildren: track['child_ordering'] === 3,
});

const eventOf = (
  event: Decoded,
  lookUp: (kind: string, iid: unknown) => string,
): Omit<ReadEvent, 'sequence' | 'at'> => ({
  type: TYPES[numberOf(event['type'])]!,
  track: numberOf(event['track_uuid']),
  name: event['name_iid'] === undefined ? null : lookUp('event_names', event['name_iid']),
  value: orNull(event['counter_value']),
  flows: (event['flow_ids'] ?? []) as readonly number[],
  terminated: (event['terminating_flow_ids'] ?? []) as readonly number[],
  words: Object.fromEntries(
    listOf(event['debug_annotations']).map((one) => [
      lookUp('debug_annotation_names', one['name_iid']),
      one['string_value'] ?? one['int_value'] ?? one['double_value'],
    ]),
  ),
});
