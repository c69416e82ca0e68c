/** A folder that is there whole or not at all. It removes nothing but what it made itself. */
import { basename, dirname, join } from 'node:path';
import type { Disk, Written } from '../checkpoint/disk.ts';
import { systemCode } from '../system-fault.ts';
import { whileFailing } from '../checkpoint/folder.ts';

export class FolderInTheMaking {
  readonly #disk: Disk;
  readonly #path: string;
  /** Folders that were not there before, the innermost last: those around it, and the one that is filled. */
  readonly #made: string[] = [];
  readonly #files: string[] = [];

  /** `path`: where it will be. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Beside its place, under a name that nobody else has: the system makes a folder for one who asks, and for no other. */
  begin(number = 0): void {
    const path = join(dirname(this.#path), `.${basename(this.#path)}.partial-${number}`);
    try {
      this.#make(path);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      this.begin(number + 1);
    }
  }

  create(name: string): Written {
    const path = join(this.#filled(), name);
    const file = this.#disk.create(path);
    this.#files.push(path);
    return file;
  }

  write(name: string, bytes: Uint8Array): void {
    const file = this.create(name);
    try {
      file.write(bytes);
      file.sync();
    } finally {
      file.close();
    }
  }

  /** Puts it in its place, where nothing may be but an empty folder. */
  publish(): void {
    const filled = this.#filled();
    this.#disk.syncFolder(filled);
    this.#disk.rename(filled, this.#path);
    this.#disk.syncFolder(dirname(this.#path));
  }

  /** As if it had never been begun, as far as the disk lets us. */
  drop(): void {
    whileFailing(() => {
      for (const path of this.#files) this.#disk.removeFile(path);
      for (const path of this.#made.toReversed()) this.#disk.removeFolder(path);
    });
  }

  #make(path: string): void {
    try {
      this.#disk.makeNewFolder(path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.#makeParent(dirname(path));
      this.#disk.makeNewFolder(path);
    }
    this.#made.push(path);
  }

  /** Another process may have been faster: then it is that one's. */
  #makeParent(path: string): void {
    try {
      this.#make(path);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }

  #filled(): string {
    const filled = this.#made.at(-1);
    if (filled === undefined) throw new RangeError('a folder that was not begun');
    return filled;
  }
}
