/**
 * TensorBoard's event files: records of TensorFlow's framing (tensorflow/core/lib/io/record_writer.h), each a message
 * `Event` (tensorflow/core/util/event.proto). The writer appends what these functions return, and that is all.
 */
import type { Seconds } from '../units/quantity.ts';
import { bytes, double, float, message, text, whole } from './protobuf.ts';

export interface Scalars {
  readonly step: number;
  /** Since 1970. */
  readonly at: Seconds;
  /** By tag; each becomes a chart. */
  readonly values: ReadonlyMap<string, number>;
}

const VERSION = 'brain.Event:2';
/** `SessionLog.START`. */
const START = 1;

/** The beginning of a file. Whatever earlier files of the run say of `step` and later steps is forgotten then. */
export const eventFileStart = ({ step, at }: Pick<Scalars, 'step' | 'at'>): Uint8Array =>
  joined(
    record(message(double(1, at), text(3, VERSION))),
    record(message(double(1, at), whole(2, step), bytes(7, message(whole(1, START))))),
  );

export const scalarsRecord = ({ step, at, values }: Scalars): Uint8Array =>
  record(message(double(1, at), whole(2, step), bytes(5, message(...[...values].map(scalar)))));

const scalar = ([tag, value]: readonly [string, number]): Uint8Array =>
  message(bytes(1, message(text(1, tag), float(2, value))));

/**
 * TensorBoard finds files by this part of their names, and reads them in the order of the seconds in them; `index` tells
 * files of one second apart.
 */
export const eventFileName = ({ at, host, index }: EventFile): string =>
  `events.out.tfevents.${Math.floor(at)}.${host}.${index}`;
export interface EventFile {
  readonly at: Seconds;
  readonly host: string;
  readonly index: number;
}
export const isEventFile = (name: string): boolean => name.startsWith('events.out.tfevents.');

/** Length, its checksum, the content, its checksum. */
const record = (content: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(content.length + 16);
  const view = new DataView(whole.buffer);
  view.setBigUint64(0, BigInt(content.length), true);
  view.setUint32(8, masked(crc32c(whole.subarray(0, 8))), true);
  whole.set(content, 12);
  view.setUint32(12 + content.length, masked(crc32c(content)), true);
  return whole;
};

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A checksum of what holds checksums is a poor one: it is rotated, and a constant added. */
const masked = (crc: number): number => ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282_ead8) >>> 0;

/** CRC-32C (Castagnoli), its polynomial written backwards. */
const POLYNOMIAL = 0x82f6_3b78;
const TABLE: readonly number[] = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});
export const crc32c = (content: Uint8Array): number => {
  let crc = 0xffff_ffff;
  for (const byte of content) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
};
