/** Safetensors files on a disk, written and read piece by piece: no more than a buffer of one is in memory at a time. */
import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Disk, Opened, Written } from './disk.ts';
import { CheckpointFault } from './fault.ts';
import type { Header, TensorPlace, TensorPlan } from './safetensors.ts';
import { bytesOf, ELEMENT_BYTES, HEADER_BYTES_MAX, headerOf, parseHeader, PREFIX_BYTES } from './safetensors.ts';

const BUFFER_BYTES = 2 ** 20;

/** Takes the bytes of the tensors in the order of the plans, in pieces of any length. */
export class SafetensorsWriter {
  readonly #file: Written;
  readonly #hash: Hash = createHash('sha256');
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #wanted: number;
  #filled = 0;
  #written = 0;

  constructor(file: Written, plans: readonly TensorPlan[], metadata: Readonly<Record<string, string>>) {
    this.#file = file;
    const header = headerOf(plans, metadata);
    this.#wanted = plans.reduce((total, plan) => total + bytesOf(plan), header.length);
    this.write(header);
  }

  /** The bytes may lie in memory that threads share: they are copied before the system sees them. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const count = Math.min(bytes.length - done, BUFFER_BYTES - this.#filled);
      this.#buffer.set(bytes.subarray(done, done + count), this.#filled);
      this.#filled += count;
      done += count;
      if (this.#filled === BUFFER_BYTES) this.#flush();
    }
  }

  /** Ends the file, which stays open: its length and the checksum of all its bytes. */
  end(): { readonly bytes: number; readonly sha256: string } {
    this.#flush();
    if (this.#written !== this.#wanted)
      throw new RangeError(`${this.#written} bytes were written of a file of ${this.#wanted}`);
    this.#file.sync();
    return { bytes: this.#written, sha256: this.#hash.digest('hex') };
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#hash.update(bytes);
    this.#file.write(bytes);
    this.#written += this.#filled;
    this.#filled = 0;
  }
}

/** An open safetensors file; whoever opens it closes it. */
export class SafetensorsFile {
  readonly name: string;
  readonly header: Header;
  readonly #file: Opened;

  constructor(disk: Disk, path: string) {
    this.name = path;
    this.#file = disk.open(path);
    try {
      this.header = readHeader(this.#file, path);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** The tensor of that name, or null. */
  find(name: string): TensorPlace | null {
    return this.header.tensors.get(name) ?? null;
  }

  /** Raw bytes of `count` elements of the tensor from element `first` on. */
  read(place: TensorPlace, first: number, count: number): Uint8Array {
    const size = ELEMENT_BYTES[place.type];
    const at = place.start + first * size;
    if (first < 0 || at + count * size > place.end)
      throw new RangeError(`${this.name}: ${place.name} has no elements ${first} to ${first + count}`);
    const bytes = new Uint8Array(count * size);
    this.#file.read(bytes, at);
    return bytes;
  }

  close(): void {
    this.#file.close();
  }
}

const readHeader = (file: Opened, name: string): Header => {
  if (file.size < PREFIX_BYTES)
    throw new CheckpointFault(`${name}: ${file.size} bytes are too few for a safetensors file`);
  const prefix = new Uint8Array(PREFIX_BYTES);
  file.read(prefix, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > HEADER_BYTES_MAX)
    throw new CheckpointFault(`${name}: no safetensors file, its header would have ${length} bytes`);
  if (PREFIX_BYTES + Number(length) > file.size)
    throw new CheckpointFault(
      `${name}: cut short, or no safetensors file: its header would have ${length} bytes, and the file ends after ${file.size}`,
    );
  const json = new Uint8Array(Number(length));
  file.read(json, PREFIX_BYTES);
  return parseHeader(json, { file: name, size: file.size });
};

/** The checksum of a file's bytes. */
export const checksumOf = (file: Opened): string => {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let at = 0; at < file.size; at += BUFFER_BYTES) {
    const bytes = buffer.subarray(0, Math.min(BUFFER_BYTES, file.size - at));
    file.read(bytes, at);
    hash.update(bytes);
  }
  return hash.digest('hex');
};
