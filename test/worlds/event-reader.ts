/** Reads event files by their published definitions, sharing nothing with what writes them. */

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | null;
  /** The status of a session log. */
  readonly session: number | null;
  readonly scalars: Readonly<Record<string, number>>;
}
type Value = bigint | Uint8Array;

/** Bit by bit, as a polynomial over GF(2) (RFC 3720, appendix B.4). */
const checksum = (bytes: Uint8Array): number => {
  let remainder = 0xffffffffn;
  for (const byte of bytes) {
    remainder ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1n ? (remainder >> 1n) ^ 0x82f63b78n : remainder >> 1n;
  }
  return Number(remainder ^ 0xffffffffn);
};
const masked = (crc: number): number => {
  const wide = BigInt(crc);
  return Number((((wide >> 15n) | (wide << 17n)) + 0xa282ead8n) & 0xffffffffn);
};

export const eventsIn = (file: Uint8Array): readonly ReadEvent[] => {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length;) {
    const view = new DataView(file.buffer, file.byteOffset + at);
    const length = Number(view.getBigUint64(0, true));
    const content = file.subarray(at + 12, at + 12 + length);
    if (view.getUint32(8, true) !== masked(checksum(file.subarray(at, at + 8)))) throw new Error(`length at ${at}`);
    if (view.getUint32(12 + length, true) !== masked(checksum(content))) throw new Error(`content at ${at}`);
    events.push(eventOf(content));
    at += 16 + length;
  }
  return events;
};

/** By field number, in the order they stand. */
const fieldsOf = (bytes: Uint8Array): readonly (readonly [number, Value])[] => {
  const fields: [number, Value][] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const value = wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4);
    fields.push([key >> 3, value]);
  }
  return fields;
};

const viewOf = (value: Value | undefined): DataView => {
  if (!(value instanceof Uint8Array)) throw new Error('no bytes');
  return new DataView(value.buffer, value.byteOffset, value.length);
};
const textOf = (value: Value | undefined): string => {
  if (!(value instanceof Uint8Array)) throw new Error('no text');
  return new TextDecoder().decode(value);
};
const innerOf = (value: Value): readonly (readonly [number, Value])[] =>
  value instanceof Uint8Array ? fieldsOf(value) : [];

/** `Event`: wall_time 1, step 2, file_version 3, summary 5, session_log 7; `Summary.Value`: tag 1, simple_value 2. */
const eventOf = (content: Uint8Array): ReadEvent => {
  const fields = new Map(fieldsOf(content));
  const values = innerOf(fields.get(5) ?? new Uint8Array()).map(([, value]) => new Map(innerOf(value)));
  const session = new Map(innerOf(fields.get(7) ?? new Uint8Array())).get(1);
  return {
    wallTime: viewOf(fields.get(1)).getFloat64(0, true),
    step: Number(fields.get(2) ?? 0n),
    version: fields.has(3) ? textOf(fields.get(3)) : null,
    session: typeof session === 'bigint' ? Number(session) : null,
    scalars: Object.fromEntries(
      values.map((value) => [textOf(value.get(1)), viewOf(value.get(2)).getFloat32(0, true)]),
    ),
  };
};
