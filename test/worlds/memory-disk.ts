/** A disk in memory that forgets at a loss of power what was not synced, and the ways in which a disk fails. */
import { basename, dirname } from 'node:path';
import type { Disk } from '../../src/exec/checkpoint/disk.ts';
import { makeWithParents } from '../../src/exec/checkpoint/disk.ts';

class File {
  bytes: Uint8Array = new Uint8Array();
  /** Bytes that outlast a loss of power. */
  synced = 0;
}
/** What the folder lists now, and what it would list after a loss of power. */
class Folder {
  names = new Map<string, Node>();
  durable = new Map<string, Node>();
}
type Node = File | Folder;

/** One change of the names in a folder or, for a rename, in two: it outlasts a loss of power wholly or not at all. */
interface Change {
  readonly entries: readonly { readonly folder: Folder; readonly name: string; readonly node: Node | null }[];
  /** Folders that have to be synced until it surely does. */
  readonly unsynced: Set<Folder>;
}

export interface MemoryDisk extends Disk {
  /** By path. */
  readonly files: ReadonlyMap<string, File>;
  /** Bytes of all files. */
  size(): number;
  /**
   * Of the changes of names that were not synced a disk may have written any before the power went: `isKept` is asked for
   * each of them, in their order. Without it, none.
   */
  losePower(isKept?: (change: number) => boolean): void;
}

class SystemError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export const memoryDisk = (): MemoryDisk => {
  const root = new Folder();
  let pending: readonly Change[] = [];
  const find = (path: string): Node | undefined => {
    let node: Node | undefined = root;
    for (const name of path.split('/').filter((part) => part !== ''))
      node = node instanceof Folder ? node.names.get(name) : undefined;
    return node;
  };
  const fileAt = (path: string): File => {
    const found = find(path);
    if (found instanceof File) return found;
    throw new SystemError(found === undefined ? 'ENOENT' : 'EISDIR');
  };
  const folderAt = (path: string): Folder => {
    const found = find(path);
    if (found instanceof Folder) return found;
    throw new SystemError(found === undefined ? 'ENOENT' : 'ENOTDIR');
  };
  const refuseFull = (path: string): void => {
    if (folderAt(path).names.size > 0) throw new SystemError('ENOTEMPTY');
  };
  const change = (...named: readonly (readonly [path: string, node: Node | null])[]): void => {
    const entries = named.map(([path, node]) => ({ folder: folderAt(dirname(path)), name: basename(path), node }));
    for (const { folder, name, node } of entries) put(folder.names, name, node);
    pending = [...pending, { entries, unsynced: new Set(entries.map(({ folder }) => folder)) }];
  };
  const makeNewFolder = (path: string): void => {
    if (find(path) !== undefined) throw new SystemError('EEXIST');
    change([path, new Folder()]);
  };
  const syncFolder = (path: string): void => {
    const folder = folderAt(path);
    for (const { unsynced } of pending) unsynced.delete(folder);
    for (const one of pending) if (one.unsynced.size === 0) persist(one);
    pending = pending.filter(({ unsynced }) => unsynced.size > 0);
  };
  return {
    get files() {
      return new Map(filesIn(root, ''));
    },
    size: () => filesIn(root, '').reduce((total, [, { bytes }]) => total + bytes.length, 0),
    losePower: (isKept = () => false) => {
      pending.filter((_, index) => isKept(index)).forEach(persist);
      pending = [];
      forget(root);
    },
    makeFolder: (path) =>
      makeWithParents({ isThere: (one) => find(one) !== undefined, makeNewFolder, syncFolder }, path),
    makeNewFolder,
    list: (path) => {
      const found = find(path);
      return found instanceof Folder ? [...found.names.keys()].toSorted() : [];
    },
    create: (path) => {
      const found = find(path);
      const file = found === undefined ? new File() : fileAt(path);
      if (found === undefined) change([path, file]);
      [file.bytes, file.synced] = [new Uint8Array(), 0];
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
      const node = find(from);
      if (node === undefined) throw new SystemError('ENOENT');
      if (node instanceof Folder && find(to) !== undefined) refuseFull(to);
      change([from, null], [to, node]);
    },
    removeFile: (path) => {
      fileAt(path);
      change([path, null]);
    },
    removeFolder: (path) => {
      refuseFull(path);
      change([path, null]);
    },
    syncFolder,
  };
};

const put = (names: Map<string, Node>, name: string, node: Node | null): void => {
  if (node === null) names.delete(name);
  else names.set(name, node);
};

const persist = ({ entries }: Change): void => {
  for (const { folder, name, node } of entries) put(folder.durable, name, node);
};

const filesIn = (folder: Folder, path: string): readonly (readonly [path: string, file: File])[] =>
  [...folder.names].flatMap(([name, node]) =>
    node instanceof File ? [[`${path}/${name}`, node] as const] : filesIn(node, `${path}/${name}`),
  );

const forget = (folder: Folder): void => {
  folder.names = new Map(folder.durable);
  for (const node of folder.names.values())
    if (node instanceof Folder) forget(node);
    else node.bytes = node.bytes.slice(0, node.synced);
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
    makeNewFolder: before(disk.makeNewFolder),
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
