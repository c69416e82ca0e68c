/** Reads protobuf messages by tables of their fields (https://protobuf.dev/programming-guides/encoding), sharing nothing with what writes them. */

type Scalar = 'uint64' | 'int64' | 'uint32' | 'int32' | 'bool' | 'fixed64' | 'double' | 'string';
/** By number: its name, the type of its value, and whether there may be several. */
type Fields = Readonly<Record<number, readonly [name: string, type: string, count?: 'repeated']>>;
/** Messages by name; a type that is none of them is a scalar. */
export type Schema = Readonly<Record<string, Fields>>;

export type Value = number | string | boolean | Decoded;
export interface Decoded {
  readonly [field: string]: Value | readonly Value[];
}

const WIRE: Readonly<Record<Scalar, number>> = {
  uint64: 0,
  int64: 0,
  uint32: 0,
  int32: 0,
  bool: 0,
  fixed64: 1,
  double: 1,
  string: 2,
};

/** Refuses fields that the schema does not have, values of another wire type, and a field that is there twice. */
export const decode = (schema: Schema, message: string, bytes: Uint8Array): Decoded => {
  const fields = schema[message];
  if (fields === undefined) throw new Error(`no message ${message}`);
  const decoded: Record<string, Value | Value[]> = {};
  const cursor = new Cursor(bytes);
  while (!cursor.isDone) {
    const key = cursor.varint();
    const [number, wire] = [Number(key >> 3n), Number(key & 7n)];
    const field = fields[number];
    if (field === undefined) throw new Error(`${message} has no field ${number}`);
    const [name, type, count] = field;
    const value = valueOf({ schema, type, wire, cursor, at: `${message}.${name}` });
    if (count === 'repeated') ((decoded[name] ??= []) as Value[]).push(value);
    else if (name in decoded) throw new Error(`${message}.${name} is there twice`);
    else decoded[name] = value;
  }
  return decoded;
};

/** Messages of a stream, each behind its length. */
export const delimitedIn = (bytes: Uint8Array): readonly Uint8Array[] => {
  const cursor = new Cursor(bytes);
  const messages: Uint8Array[] = [];
  while (!cursor.isDone) messages.push(cursor.take(Number(cursor.varint())));
  return messages;
};

const valueOf = ({ schema, type, wire, cursor, at }: Reading): Value => {
  if (type in schema) {
    if (wire !== 2) throw new Error(`${at}: wire type ${wire} of a message`);
    return decode(schema, type, cursor.take(Number(cursor.varint())));
  }
  const scalar = type as Scalar;
  if (WIRE[scalar] !== wire) throw new Error(`${at}: wire type ${wire} of ${type}`);
  switch (scalar) {
    case 'string':
      return new TextDecoder('utf8', { fatal: true }).decode(cursor.take(Number(cursor.varint())));
    case 'fixed64':
      return Number(viewOf(cursor.take(8)).getBigUint64(0, true));
    case 'double':
      return viewOf(cursor.take(8)).getFloat64(0, true);
    case 'bool':
      return cursor.varint() === 1n;
    case 'int64':
    case 'int32':
      return Number(BigInt.asIntN(64, cursor.varint()));
    case 'uint64':
    case 'uint32':
      return Number(cursor.varint());
    default:
      return scalar satisfies never;
  }
};

interface Reading {
  readonly schema: Schema;
  readonly type: string;
  readonly wire: number;
  readonly cursor: Cursor;
  readonly at: string;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }
  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new Error(`${length} bytes from ${this.#at} on are too many`);
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const [byte] = this.take(1);
      value |= BigInt(byte! & 127) << shift;
      if (byte! < 128) return value;
      if (shift > 63n) throw new Error('a varint of more than ten bytes');
    }
  }
}
