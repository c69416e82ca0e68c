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
import { systemCode } from '../system-fault.ts';

export interface Disk {
  /** With its parents, all of which outlast a loss of power then; one that is there already stays as it is. */
  readonly makeFolder: (path: string) => void;
  /** In a folder that is there; anything of that name is refused. */
  readonly makeNewFolder: (path: string) => void;
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

/**
 * One folder after another, each synced into its parent. Not mkdir's own recursion, which syncs none and in some releases of
 * Node never ends where a parent refuses (as in /proc).
 */
export const makeWithParents = (
  disk: Pick<Disk, 'makeNewFolder' | 'syncFolder'> & { readonly isThere: (path: string) => boolean },
  path: string,
): void => {
  if (disk.isThere(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeWithParents(disk, parent);
  try {
    disk.makeNewFolder(path);
  } catch (error) {
    // Another rank may have been faster.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  disk.syncFolder(parent);
};

const makeNewFolder = (path: string): void => {
  mkdirSync(path);
};

const syncFolder = (path: string): void => {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    // Windows and some network disks sync no folders, and one that may not be read cannot be opened for it.
    if (!['EPERM', 'EINVAL', 'EISDIR', 'EACCES'].includes(systemCode(error) ?? '')) throw error;
  }
};

export const localDisk: Disk = {
  makeFolder: (path) => makeWithParents({ isThere: existsSync, makeNewFolder, syncFolder }, path),
  makeNewFolder,
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
  syncFolder,
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
