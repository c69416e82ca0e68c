/** Folders that one run alone may write to: a file in each says which process has it, and is void once that process is gone. */
import { existsSync, linkSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { EXIT, Refusal } from './exit.ts';
import { writeRefusal } from './write-refusal.ts';

export interface Claim {
  release(): void;
}

const NAME = '.in-use';

/** All of them, or none. */
export const claimFolders = (folders: readonly string[]): Claim => {
  const claims: Claim[] = [];
  const release = (): void => claims.forEach((one) => one.release());
  try {
    for (const folder of new Set(folders)) claims.push(claim(folder));
    return { release };
  } catch (error) {
    release();
    throw error;
  }
};

/** The file appears with all that it says, or not at all: two runs that start at once cannot both have made it. */
const claim = (folder: string): Claim => {
  const own = join(folder, `${NAME}.${process.pid}`);
  try {
    const made = firstMissing(folder);
    localDisk.makeFolder(folder);
    writeFileSync(own, JSON.stringify({ host: hostname(), process: process.pid, since: startOf(process.pid) }));
    while (!tryLink(own, join(folder, NAME))) refuseHolder(folder);
    return { release: () => leave(folder, made) };
  } catch (error) {
    throw error instanceof Refusal ? error : writeRefusal(folder, error);
  } finally {
    if (existsSync(own)) rmSync(own);
  }
};

/** A folder that was made for the run and that nothing came into is not left behind. */
const leave = (folder: string, made: string | null): void => {
  rmSync(join(folder, NAME), { force: true });
  if (made === null) return;
  for (let path = folder; path.startsWith(made) && readdirSync(path).length === 0; path = dirname(path))
    rmdirSync(path);
};

/** The uppermost of the folders that have to be made for this one; null: it is there. */
const firstMissing = (folder: string): string | null => {
  if (existsSync(folder)) return null;
  const parent = dirname(folder);
  return parent === folder ? null : (firstMissing(parent) ?? folder);
};

const tryLink = (from: string, to: string): boolean => {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
};

interface Holder {
  readonly host: string;
  readonly process: number;
  readonly since: string | null;
}

/** Throws while the holder lives; what a dead one left behind is removed. */
const refuseHolder = (folder: string): void => {
  const path = join(folder, NAME);
  const holder = holderIn(path);
  if (holder !== null && isAlive(holder))
    throw new Refusal(
      EXIT.badInput,
      `error: ${folder} is in use by another run, process ${holder.process} on ${holder.host}; wanted another folder, or the end of that run (if there is none: remove ${path})`,
    );
  rmSync(path, { force: true });
};

/** Null: it is gone, or nobody of ours wrote it. */
const holderIn = (path: string): Holder | null => {
  try {
    const read: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isHolder(read) ? read : null;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return null;
    throw error;
  }
};
const isHolder = (read: unknown): read is Holder =>
  typeof read === 'object' && read !== null && 'host' in read && 'process' in read && 'since' in read;

/** Of another machine nothing is known. A number that was given to a new process is told by when that started. */
const isAlive = ({ host, process: id, since }: Holder): boolean => {
  if (host !== hostname()) return true;
  try {
    process.kill(id, 0);
    return startOf(id) === since;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/** In ticks since the machine started (proc_pid_stat(5), field 22); null where there is no /proc. */
const startOf = (id: number): string | null => {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8');
    // The name of the program, in brackets, may have spaces and brackets of its own.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[START_FIELD] ?? null;
  } catch (error) {
    if (codeOf(error) === null) throw error;
    return null;
  }
};
/** Counted from 0, from the field behind the name on. */
const START_FIELD = 19;

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null;
