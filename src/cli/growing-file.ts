/** A file that grows by pieces: each is there whole or not at all, although the system may take a part of one. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';

export class GrowingFile {
  readonly path: string;
  readonly #file: number;
  #size: number;

  /** `flags`: `a` goes on behind what is there, `ax` is refused where something is. */
  constructor(path: string, flags: 'a' | 'ax') {
    this.path = path;
    this.#file = openSync(path, flags);
    this.#size = fstatSync(this.#file).size;
  }

  append(piece: Uint8Array): void {
    try {
      for (let done = 0; done < piece.length;) done += writeSync(this.#file, piece, done);
    } catch (error) {
      ftruncateSync(this.#file, this.#size);
      throw error;
    }
    this.#size += piece.length;
  }

  /** Once it returns, what was appended outlasts a loss of power. */
  sync(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}
