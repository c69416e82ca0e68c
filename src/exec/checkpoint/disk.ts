/** The few things that are asked of a disk, one after another, so that a failing one can stand in for it. */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './fault.ts';

export interface Disk {
  /** With its parents; one that is there already stays as it is. */
  readonly makeFolder: (path: string) => void;
  /** Names within a folder, in order; none when there is no such folder. */
  readonly list: (path: string) => readonly string[];
  /** An empty file to be written from its start; what was there under that name is gone. */
  readonly create: (path: string) => Written;
  readonly open: (path: string) => Opened;
  readonly readAll: (path: string) => Uint8Array;
  readonly rename: (from: string, to: string) => void;
  readonly removeFile: (path: string) => void;
  /** Of an empty folder; one with files in it is refused. */
  readonly removeFolder: (path: string) => void;
  /** Once it returns, the names in the folder outlast a loss of power. */
  readonly syncFolder: (path: string) => void;
}
export interface Written {
  readonly write: (bytes: Uint8Array) => void;
  /** Once it returns, what was written outlasts a loss of power. */
  readonly sync: () => void;
  readonly close: () => void;
}
export interface Opened {
  readonly size: number;
  /** Fills `into` with the bytes from `at` on; a file that ends before is refused. */
  readonly read: (into: Uint8Array, at: number) => void;
  readonly close: () => void;
}

/** Not mkdir's own recursion, which in some releases of Node never ends where a parent refuses (as in /proc). */
const makeFolder = (path: string): void => {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another rank may have been faster.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
};

export const localDisk: Disk = {
  makeFolder,
  list: (path) => {
    try {
      return readdirSync(path).toSorted();
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
      throw error;
    }
  },
  create: (path) => {
    const file = openSync(path, 'w');
    return {
      write: (bytes) => writeWhole(file, bytes),
      sync: () => fsyncSync(file),
      close: () => closeSync(file),
    };
  },
  open: (path) => {
    const file = openSync(path, 'r');
    return {
      size: fstatSync(file).size,
      read: (into, at) => readWhole(file, into, at),
      close: () => closeSync(file),
    };
  },
  readAll: (path) => readFileSync(path),
  rename: renameSync,
  removeFile: unlinkSync,
  removeFolder: rmdirSync,
  syncFolder: (path) => {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } catch (error) {
      // Windows, and some network disks, sync no folders: a rename is all that they can be asked for.
      if (!['EPERM', 'EINVAL', 'EISDIR'].includes(systemCode(error) ?? '')) throw error;
    } finally {
      closeSync(folder);
    }
  },
};

/** The system may take fewer bytes than it is given. */
const writeWhole = (file: number, bytes: Uint8Array): void => {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
};

const readWhole = (file: number, into: Uint8Array, at: number): void => {
  for (let done = 0; done < into.length;) {
    const got = readSync(file, into, done, into.length - done, at + done);
    if (got === 0) throw new RangeError(`the file ends ${into.length - done} bytes short of ${at + into.length}`);
    done += got;
  }
};
