/** Protobuf messages written one behind another, without a copy of each (https://protobuf.dev/programming-guides/encoding). */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;

const encoder = new TextEncoder();

export class ByteBuffer {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  /** All that was written since the last time. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** A whole number of at least 0, an enumeration, or a truth. */
  whole(field: number, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no whole number of at least 0`);
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
  }
  /** A whole number of 32 or 64 bits that may be below 0: then it takes all ten bytes, by its two's complement. */
  signed(field: number, value: number): void {
    if (value >= 0) return this.whole(field, value);
    this.#varint(field * 8 + VARINT);
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) + 128;
    this.#bytes[this.#length++] = Number(rest);
  }
  fixed64(field: number, value: number): void {
    this.#varint(field * 8 + FIXED_64);
    this.#room(8);
    const view = new DataView(this.#bytes.buffer, this.#length, 8);
    view.setUint32(0, value % 2 ** 32, true);
    view.setUint32(4, Math.floor(value / 2 ** 32), true);
    this.#length += 8;
  }
  text(field: number, value: string): void {
    this.nested(field, () => {
      // No character takes more than three bytes.
      this.#room(value.length * 3);
      this.#length += encoder.encodeInto(value, this.#bytes.subarray(this.#length)).written;
    });
  }
  nested(field: number, write: () => void): void {
    this.#varint(field * 8 + LENGTH);
    this.delimited(write);
  }
  /** Behind its length, as messages of a stream stand. */
  delimited(write: () => void): void {
    this.#room(1);
    const at = this.#length++;
    write();
    const length = this.#length - at - 1;
    const more = digitsOf(length) - 1;
    this.#room(more);
    this.#bytes.copyWithin(at + 1 + more, at + 1, this.#length);
    this.#length = at;
    this.#varint(length);
    this.#length += length;
  }

  /** Seven bits a byte, the lowest first; by division, for 32 bits do not hold every time. */
  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }
  #room(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

const digitsOf = (value: number): number => {
  let digits = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) digits++;
  return digits;
};
