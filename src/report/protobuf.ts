/** The four kinds of protobuf fields that reports write (https://protobuf.dev/programming-guides/encoding). */
type Field = readonly number[] | Uint8Array;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;

export const message = (...fields: readonly Field[]): Uint8Array =>
  Uint8Array.from(fields.flatMap((field) => [...field]));

/** A whole number of at least 0; int64 and enumerations are written so. */
export const whole = (number: number, value: number): Field => [...varint(number * 8 + VARINT), ...varint(value)];
export const bytes = (number: number, value: Uint8Array): Field => [
  ...varint(number * 8 + LENGTH),
  ...varint(value.length),
  ...value,
];
export const text = (number: number, value: string): Field => bytes(number, new TextEncoder().encode(value));

export const double = (number: number, value: number): Field => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return [...varint(number * 8 + FIXED_64), ...new Uint8Array(view.buffer)];
};
export const float = (number: number, value: number): Field => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return [...varint(number * 8 + FIXED_32), ...new Uint8Array(view.buffer)];
};

/** Seven bits a byte, the lowest first; by division, for 32 bits do not hold every step. */
const varint = (value: number): readonly number[] => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no whole number of at least 0`);
  const digits: number[] = [];
  let rest = value;
  while (rest >= 128) {
    digits.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...digits, rest];
};
