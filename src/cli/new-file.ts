/** A file that is there whole or not at all: room for it is taken ahead of the work that fills it. */
import { closeSync, fsyncSync, lstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { systemCode, systemReason } from '../exec/system-fault.ts';
import { EXIT, Refusal } from './exit.ts';

/** As the user named it, and where that is. */
interface Named {
  readonly name: string;
  readonly path: string;
}

/** `mark` stands in every file of this kind: one without it is somebody's work, and is not overwritten. */
export class NewFile {
  readonly #of: Named;
  readonly #partial: string;
  readonly #file: number;
  #isDone = false;

  constructor(name: string, { folder, mark }: { readonly folder: string; readonly mark: string }) {
    this.#of = { name, path: resolve(folder, name) };
    refuseOther(this.#of, mark);
    this.#partial = join(dirname(this.#of.path), `.${basename(this.#of.path)}.${process.pid}`);
    this.#file = orRefuse(this.#of, () => openSync(this.#partial, 'wx'));
  }

  /** Puts the file in its place. */
  write(text: string): void {
    orRefuse(this.#of, () => {
      writeAll(this.#file, Buffer.from(text));
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
  if (!orRefuse(of, () => readFileSync(of.path, 'utf8')).includes(mark))
    throw refusal(of, 'is there already, and was not written by this command: wanted another name');
};

const orRefuse = <Result>(of: Named, act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    throw refusal(of, code === 'ENOENT' ? 'there is no such folder' : `${systemReason(code)} (${code})`);
  }
};

const refusal = ({ name }: Named, reason: string): Refusal =>
  new Refusal(EXIT.badInput, `${name === '' ? '""' : name}: ${reason}`);
