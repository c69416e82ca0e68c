/** A disk in memory that forgets at a loss of power what was not synced, and the ways in which a disk fails. */
import { dirname } from 'node:path';
import type { Disk } from '../../src/exec/checkpoint/disk.ts';

interface File {
  bytes: Uint8Array;
  /** Bytes that outlast a loss of power. */
  synced: number;
  /** True when the folder's list of names that has this one outlasts it. */
  isListed: boolean;
}

export interface MemoryDisk extends Disk {
  readonly files: Map<string, File>;
  /** Bytes of all files. */
  size(): number;
  losePower(): void;
}

class SystemError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export const memoryDisk = (): MemoryDisk => {
  const files = new Map<string, File>();
  const folders = new Set<string>(['/']);
  const fileAt = (path: string): File => {
    const file = files.get(path);
    if (file === undefined) throw new SystemError('ENOENT');
    return file;
  };
  const within = (path: string): string[] =>
    [...files.keys(), ...folders].filter((one) => dirname(one) === path && one !== '/');
  return {
    files,
    size: () => [...files.values()].reduce((total, { bytes }) => total + bytes.length, 0),
    losePower: () => {
      for (const [path, file] of files)
        if (file.isListed) file.bytes = file.bytes.slice(0, file.synced);
        else files.delete(path);
    },
    makeFolder: (path) => {
      for (let one = path; !folders.has(one); one = dirname(one)) folders.add(one);
    },
    list: (path) =>
      within(path)
        .map((one) => one.slice(one.lastIndexOf('/') + 1))
        .toSorted(),
    create: (path) => {
      if (!folders.has(dirname(path))) throw new SystemError('ENOENT');
      const file = { bytes: new Uint8Array(), synced: 0, isListed: files.get(path)?.isListed ?? false };
      files.set(path, file);
      return {
        write: (bytes) => void (file.bytes = Buffer.concat([file.bytes, bytes])),
        sync: () => void (file.synced = file.bytes.length),
        close: () => undefined,
      };
    },
    open: (path) => {
      const { bytes } = fileAt(path);
      return {
        size: bytes.length,
        read: (into, at) => {
          if (at + into.length > bytes.length) throw new SystemError('EIO');
          into.set(bytes.subarray(at, at + into.length));
        },
        close: () => undefined,
      };
    },
    readAll: (path) => fileAt(path).bytes,
    rename: (from, to) => {
      if (!folders.has(from)) throw new SystemError('ENOENT');
      if (within(to).length > 0) throw new SystemError('ENOTEMPTY');
      for (const path of [...files.keys()].filter((one) => one.startsWith(`${from}/`))) {
        files.set(to + path.slice(from.length), fileAt(path));
        files.delete(path);
      }
      folders.delete(from);
      folders.add(to);
    },
    removeFile: (path) => {
      fileAt(path);
      files.delete(path);
    },
    removeFolder: (path) => {
      if (within(path).length > 0) throw new SystemError('ENOTEMPTY');
      folders.delete(path);
    },
    syncFolder: (path) => {
      for (const [name, file] of files) if (dirname(name) === path) file.isListed = true;
    },
  };
};

/** Everything that changes a disk goes through `change` first. */
const watched = (disk: Disk, change: (bytes: number) => void): Disk => {
  const before =
    <Asked extends unknown[], Answer>(act: (...asked: Asked) => Answer) =>
    (...asked: Asked): Answer => {
      change(0);
      return act(...asked);
    };
  return {
    ...disk,
    makeFolder: before(disk.makeFolder),
    rename: before(disk.rename),
    removeFile: before(disk.removeFile),
    removeFolder: before(disk.removeFolder),
    syncFolder: before(disk.syncFolder),
    create: (path) => {
      change(0);
      const file = disk.create(path);
      return {
        ...file,
        sync: before(file.sync),
        write: (bytes) => {
          change(bytes.length);
          file.write(bytes);
        },
      };
    },
  };
};

/** The process dies at the change of that number, the first being 0: nothing it does afterwards reaches the disk. */
export const dyingDisk = (disk: Disk, changes: number): { readonly disk: Disk; readonly hasDied: () => boolean } => {
  let left = changes;
  return {
    disk: watched(disk, () => {
      left -= 1;
      if (left < 0) throw new Error('the process has died');
    }),
    hasDied: () => left < 0,
  };
};

/** A disk with room for so many bytes more; deleting makes no room. */
export const fullDisk = (disk: Disk, room: number): Disk => {
  let left = room;
  return watched(disk, (bytes) => {
    left -= bytes;
    if (left < 0) throw new SystemError('ENOSPC');
  });
};

/** A disk on which nothing may be changed. */
export const lockedDisk = (disk: Disk): Disk =>
  watched(disk, () => {
    throw new SystemError('EACCES');
  });
