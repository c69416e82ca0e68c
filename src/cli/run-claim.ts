/** Folders that one run alone may write to: a file in each says which process has it. */
import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import type { Claim, Refused } from '../exec/claim/claim.ts';
import { claimFile, SILENCE_MAX_MS } from '../exec/claim/claim.ts';
import { EXIT, Refusal } from './exit.ts';
import { writeRefusal } from './write-refusal.ts';

const NAME = '.in-use';

/** All of them, or none. */
export const claimFolders = (folders: readonly string[]): Pick<Claim, 'release'> => {
  const releases: (() => void)[] = [];
  const release = (): void => releases.forEach((one) => one());
  try {
    for (const folder of new Set(folders)) releases.push(claim(folder));
    return { release };
  } catch (error) {
    release();
    throw error;
  }
};

/** The answer releases it. */
const claim = (folder: string): (() => void) => {
  try {
    const made = firstMissing(folder);
    refuseFile(folder);
    localDisk.makeFolder(folder);
    const taken = claimFile(join(folder, NAME));
    if (taken.kind === 'refused') throw refusal(folder, taken);
    return () => {
      taken.release();
      leave(folder, made);
    };
  } catch (error) {
    throw error instanceof Refusal ? error : writeRefusal(folder, error);
  }
};

const refuseFile = (folder: string): void => {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new Refusal(EXIT.badInput, `error: ${folder}: a file of that name is there, wanted a folder`);
};

const refusal = (folder: string, { holder, path, isSeen }: Refused): Refusal => {
  const remedy = isSeen
    ? 'wanted another folder, or the end of that run'
    : `wanted another folder, or the end of that run (if it has none any more: try again in ${SILENCE_MAX_MS / 1e3} s, or remove ${path})`;
  return new Refusal(
    EXIT.badInput,
    `error: ${folder} is in use by another run, process ${holder.process} on ${holder.host}; ${remedy}`,
  );
};

/** A folder that was made for the run and that nothing came into is not left behind. */
const leave = (folder: string, made: string | null): void => {
  if (made === null) return;
  for (let path = folder; path.startsWith(made) && isEmpty(path); path = dirname(path)) rmdirSync(path);
};

const isEmpty = (folder: string): boolean => existsSync(folder) && readdirSync(folder).length === 0;

/** The uppermost of the folders that have to be made for this one; null: it is there. */
const firstMissing = (folder: string): string | null => {
  if (existsSync(folder)) return null;
  const parent = dirname(folder);
  return parent === folder ? null : (firstMissing(parent) ?? folder);
};
