/** Where a run keeps its checkpoints, what they are called, and which of the files there are the run's to delete. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { CheckpointFault, inWords } from './fault.ts';

export interface CheckpointFolder {
  readonly disk: Disk;
  readonly path: string;
  /** Names the run, the same through all its restarts: letters, digits and dashes. */
  readonly run: string;
}

export const MANIFEST = 'manifest.json';
const STEP = /^step-(\d{6,})$/u;
const LEFTOVER = /^(step-\d{6,})\.(partial|replaced)$/u;
/** All that is ever written into a checkpoint. */
const OWN_FILE = /^(manifest\.json|rank-\d{4,}\.(safetensors|json)|run-[\w-]+)$/u;

export const stepName = (step: number): string => `step-${String(step).padStart(6, '0')}`;
export const partialName = (step: number): string => `${stepName(step)}.partial`;
/** What a checkpoint of the same step is called while a new one takes its place. */
export const replacedName = (step: number): string => `${stepName(step)}.replaced`;
export const rankFile = (rank: number): string => `rank-${String(rank).padStart(4, '0')}.safetensors`;
export const rankRecord = (rank: number): string => `rank-${String(rank).padStart(4, '0')}.json`;
export const isRankFile = (name: string): boolean => /^rank-\d{4,}\.safetensors$/u.test(name);
export const isRankRecord = (name: string): boolean => /^rank-\d{4,}\.json$/u.test(name);
/** An empty file that says whose checkpoint it is, from before anything else is written until the last is deleted. */
const markerName = (run: string): string => `run-${run}`;

/** Makes the folder, and puts in order what an interrupted run of the same name left behind. Before the ranks start. */
export const openFolder = (folder: CheckpointFolder): void => {
  const { disk, path, run } = folder;
  if (!/^[\w-]+$/u.test(run)) throw new RangeError(`run "${run}": wanted letters, digits and dashes`);
  try {
    disk.makeFolder(path);
    // What a killed run has renamed is seen, but may not outlast a loss of power yet: nothing is deleted before it does.
    disk.syncFolder(path);
    for (const name of disk.list(path)) if (LEFTOVER.test(name)) settle(folder, name);
  } catch (error) {
    throw inWords(error, `the folder ${path} for checkpoints`);
  }
};

/** What replaced an earlier checkpoint of the same step may have been lost before it was there. */
const settle = (folder: CheckpointFolder, name: string): void => {
  const { disk, path } = folder;
  const [, step = '', kind] = LEFTOVER.exec(name) ?? [];
  const isLost = kind === 'replaced' && !disk.list(path).includes(step);
  if (disk.list(join(path, name)).length === 0) disk.removeFolder(join(path, name));
  else if (isLost && isOurs(folder, name)) disk.rename(join(path, name), join(path, step));
  else if (isOurs(folder, name)) remove(folder, name);
};

export const isOurs = ({ disk, path, run }: CheckpointFolder, name: string): boolean =>
  disk.list(join(path, name)).includes(markerName(run));

/** Steps of the folders that are called like checkpoints, whole or not, in order. Names that no run writes are none. */
export const namedStepsIn = (disk: Disk, path: string): readonly number[] =>
  disk
    .list(path)
    .flatMap((name) => stepNamed(name) ?? [])
    .toSorted((a, b) => a - b);

/** Null: no checkpoint is called that. */
export const stepNamed = (name: string): number | null => {
  const step = Number(STEP.exec(name)?.[1]);
  return Number.isSafeInteger(step) && stepName(step) === name ? step : null;
};

/** Steps of the whole checkpoints in a folder, whichever run's they are, in order. */
export const stepsIn = (disk: Disk, path: string): readonly number[] =>
  namedStepsIn(disk, path).filter((step) => disk.list(join(path, stepName(step))).includes(MANIFEST));

/** The newest checkpoint, or null: where a run goes on. One that is not whole counts, for it must not be passed over. */
export const latestIn = (disk: Disk, path: string): string | null => {
  const step = namedStepsIn(disk, path).at(-1);
  return step === undefined ? null : join(path, stepName(step));
};

/** The newest checkpoint before that step, for a message: what there is still to go back to. */
export const wholeBefore = (disk: Disk, path: string, step: number): string => {
  const before = stepsIn(disk, path).findLast((one) => one < step);
  return before === undefined ? 'there is no earlier checkpoint' : `the checkpoint ${stepName(before)} is whole`;
};

/**
 * Deletes a folder of this run. Its files go one by one, by the names that checkpoints have: a file of another name stays,
 * and so does the folder then. The marker goes last, so that an interrupted deletion can be taken up again.
 */
export const remove = (folder: CheckpointFolder, name: string): void => {
  const { disk, path, run } = folder;
  const marker = markerName(run);
  const names = disk.list(join(path, name));
  if (!names.includes(marker)) throw new CheckpointFault(`${join(path, name)} is not of the run ${run}: it stays`);
  const own = names.filter((one) => OWN_FILE.test(one) && one !== marker);
  for (const one of own) disk.removeFile(join(path, name, one));
  disk.syncFolder(join(path, name));
  disk.removeFile(join(path, name, marker));
  if (own.length + 1 === names.length) disk.removeFolder(join(path, name));
};

/** A whole checkpoint is none any more at once, before its first file is gone. */
export const discard = (folder: CheckpointFolder, step: number): void => {
  const { disk, path } = folder;
  const partial = partialName(step);
  if (disk.list(path).includes(partial)) remove(folder, partial);
  disk.rename(join(path, stepName(step)), join(path, partial));
  disk.syncFolder(path);
  remove(folder, partial);
};

export const writeFile = ({ disk }: CheckpointFolder, path: string, bytes: Uint8Array): void => {
  const file = disk.create(path);
  try {
    file.write(bytes);
    file.sync();
  } finally {
    file.close();
  }
};

/** Begins a checkpoint, or finds it begun by another rank: from then on it is known whose it is. */
export const beginPartial = (folder: CheckpointFolder, step: number): void => {
  const { disk, path, run } = folder;
  const partial = partialName(step);
  disk.makeFolder(join(path, partial));
  const names = disk.list(join(path, partial));
  if (names.includes(markerName(run))) return;
  if (names.length > 0) throw new CheckpointFault(`${join(path, partial)} is not of the run ${run}: it stays`);
  writeFile(folder, join(path, partial, markerName(run)), new Uint8Array());
  disk.syncFolder(join(path, partial));
};

/** Cleans up behind a failure, which is what the user must hear of: what is not cleaned now is when the folder is opened. */
export const whileFailing = (clean: () => void): void => {
  try {
    clean();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
};
