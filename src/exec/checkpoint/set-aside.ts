/** Moving a run's later checkpoints out of the way of one that begins before them: nothing of an earlier training is deleted. */
import { join } from 'node:path';
import { localDisk } from './disk.ts';
import { inWords } from './fault.ts';
import type { CheckpointFolder } from './folder.ts';
import { isOurs, namedStepsIn, stepName } from './folder.ts';

/** Before a run begins behind step `after`: the name of the folder in which its later checkpoints are now, or null. */
export const setAside = (folder: string, after: number, run: string): string | null =>
  setAsideIn({ disk: localDisk, path: folder, run }, after);

const EARLIER = /^earlier-(\d+)$/u;

/** The newest moves last: until then, a run that is started again finds the training where it was. */
export const setAsideIn = (folder: CheckpointFolder, after: number): string | null => {
  const { disk, path } = folder;
  try {
    const later = namedStepsIn(disk, path).filter((step) => step > after && isOurs(folder, stepName(step)));
    if (later.length === 0) return null;
    const name = nextEarlier(disk.list(path));
    disk.makeFolder(join(path, name));
    for (const step of later) disk.rename(join(path, stepName(step)), join(path, name, stepName(step)));
    disk.syncFolder(join(path, name));
    disk.syncFolder(path);
    return name;
  } catch (error) {
    throw inWords(error, `the checkpoints in ${path} behind step ${after} cannot be set aside`);
  }
};

/** What the next folder is called that something earlier is moved into. */
export const nextEarlier = (names: readonly string[]): string => {
  const taken = names.map((name) => Number(EARLIER.exec(name)?.[1] ?? 0));
  return `earlier-${Math.max(0, ...taken) + 1}`;
};
