/** A file that is there whole or not at all: room for it is taken ahead of the work that fills it. */
import { closeSync, fsyncSync, lstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { systemCode, systemReason } from '../exec/system-fault.ts';
import { EXIT, Refusal } from './exit.ts';

/** As the user named it, and where that is. */
export interface Named {
  readonly name: string;
  readonly path: string;
}

/**
 * `mark` stands near the start of every file of this kind: one without it is somebody's work, and is not overwritten. Null:
 * whoever names the file knows that it is ours.
 */
export class NewFile {
  readonly #of: Named;
  readonly #partial: string;
  readonly #file: number;
  #isDone = false;

  constructor(name: string, { folder, mark }: { readonly folder: string; readonly mark: string | null }) {
    this.#of = { name, path: resolve(folder, name) };
    if (mark !== null) refuseOther(this.#of, mark);
    this.#partial = join(dirname(this.#of.path), `.${basename(this.#of.path)}.${process.pid}`);
    this.#file = orRefuse(this.#of, () => openSync(this.#partial, 'wx'));
  }

  /** Puts the file in its place, whole; what is large comes in pieces. */
  write(content: string | Iterable<string | Uint8Array>): void {
    orRefuse(this.#of, () => {
      for (const piece of typeof content === 'string' ? [content] : content) writeAll(this.#file, Buffer.from(piece));
      fsyncSync(this.#file);
      renameSync(this.#partial, this.#of.path);
    });
    this.#isDone = true;
    closeSync(this.#file);
  }

  /** Leaves nothing behind unless it was written. */
  drop(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    closeSync(this.#file);
    rmSync(this.#partial, { force: true });
  }
}

const writeAll = (file: number, bytes: Buffer): void => {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
};

const refuseOther = (of: Named, mark: string): void => {
  const found = orRefuse(of, () => lstatSync(of.path, { throwIfNoEntry: false }));
  if (found === undefined) return;
  if (!found.isFile()) throw refusal(of, 'is there already, and is no plain file');
  if (!orRefuse(of, () => startOf(of.path)).includes(mark))
    throw refusal(of, 'is there already, and was not written by this command: wanted another name');
};

/** As much of a file as is needed to see whose it is. */
const startOf = (path: string): string => {
  const bytes = Buffer.alloc(START);
  const file = openSync(path, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
};
const START = 2 ** 20;

export const orRefuse = <Result>(of: Named, act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    throw refusal(of, code === 'ENOENT' ? 'there is no such folder' : `${systemReason(code)} (${code})`);
  }
};

export const refusal = ({ name }: Named, reason: string): Refusal =>
  new Refusal(EXIT.badInput, `${name === '' ? '""' : name}: ${reason}`);
