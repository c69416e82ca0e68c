/** What makes a checkpoint of the files that all ranks have stored: the manifest, and the final name of the folder. */
import { join } from 'node:path';
import { gapsIn } from './coverage.ts';
import { CheckpointFault, inWords } from './fault.ts';
import type { CheckpointFolder } from './folder.ts';
import {
  discard,
  isOurs,
  isRankRecord,
  MANIFEST,
  partialName,
  rankRecord,
  remove,
  replacedName,
  stepName,
  stepsIn,
  whileFailing,
  wholeBefore,
  writeFile,
} from './folder.ts';
import type { Piece, Progress, RankRecord, TensorPieces } from './manifest.ts';
import { manifestOf, parseRecord } from './manifest.ts';

/**
 * Makes a checkpoint of what all `ranks` ranks have stored. Until the partial folder gets its final name there is no new
 * checkpoint, and every other one is as it was; once this returns, the new one outlasts a loss of power.
 */
export const commit = (
  folder: CheckpointFolder,
  { ranks, progress }: { readonly ranks: number; readonly progress: Progress },
): void => {
  const { disk, path, run } = folder;
  const { step } = progress;
  try {
    const records = Array.from({ length: ranks }, (_, rank) => recordOfRank(folder, step, rank));
    const tensors = merged(records);
    refuseGaps(tensors, stepName(step));
    const content = manifestOf({ run, progress, files: records.map(({ file }) => file), tensors });
    writeFile(folder, join(path, partialName(step), MANIFEST), content);
    disk.syncFolder(join(path, partialName(step)));
    publish(folder, step);
  } catch (error) {
    whileFailing(() => abandon(folder, step));
    throw inWords(error, `${join(path, stepName(step))} cannot be made whole; ${wholeBefore(disk, path, step)}`);
  }
};

const recordOfRank = (folder: CheckpointFolder, step: number, rank: number): RankRecord => {
  const path = join(folder.path, partialName(step));
  if (!folder.disk.list(path).includes(rankRecord(rank)))
    throw new CheckpointFault(`${path}: rank ${rank} has not stored its part`);
  return parseRecord(folder.disk.readAll(join(path, rankRecord(rank))), join(path, rankRecord(rank)));
};

const merged = (records: readonly RankRecord[]): Record<string, TensorPieces> => {
  const all: Record<string, { shape: number[]; pieces: Piece[] }> = {};
  for (const { tensors } of records)
    for (const [name, { shape, pieces }] of Object.entries(tensors)) {
      const tensor = (all[name] ??= { shape, pieces: [] });
      if (tensor.shape.join() !== shape.join())
        throw new RangeError(
          `${name} is [${shape.join(', ')}] on one rank and [${tensor.shape.join(', ')}] on another`,
        );
      tensor.pieces.push(...pieces);
    }
  return all;
};

/** A checkpoint that lacks elements must not take the place of one that has them. */
const refuseGaps = (tensors: Readonly<Record<string, TensorPieces>>, name: string): void => {
  const gaps = gapsIn(tensors);
  if (gaps.length > 0) throw new RangeError(`${name} would lack ${gaps.join('; ')}`);
};

const publish = (folder: CheckpointFolder, step: number): void => {
  const { disk, path } = folder;
  if (disk.list(path).includes(stepName(step))) makeRoom(folder, step);
  try {
    disk.rename(join(path, partialName(step)), join(path, stepName(step)));
    disk.syncFolder(path);
  } catch (error) {
    whileFailing(() => giveRoomBack(folder, step));
    throw error;
  }
};

/** A run that went back to an earlier step comes past this one again: what was there stays until the new one is whole. */
const makeRoom = (folder: CheckpointFolder, step: number): void => {
  const { disk, path, run } = folder;
  const final = stepName(step);
  if (!isOurs(folder, final))
    throw new CheckpointFault(`${join(path, final)} is there already and not of the run ${run}: it stays`);
  disk.rename(join(path, final), join(path, replacedName(step)));
};

const giveRoomBack = ({ disk, path }: CheckpointFolder, step: number): void => {
  const names = disk.list(path);
  if (names.includes(replacedName(step)) && !names.includes(stepName(step)))
    disk.rename(join(path, replacedName(step)), join(path, stepName(step)));
};

/** Gives up a checkpoint that was begun; what was there before stays. */
export const abandon = (folder: CheckpointFolder, step: number): void => {
  const name = partialName(step);
  if (isOurs(folder, name)) remove(folder, name);
};

/**
 * Behind a commit, deletes what the checkpoint of that step stands for now, and the run's oldest beyond the last `keep`, at
 * least 1. What can not be deleted takes room, and no checkpoint is the worse for it. Later ones are never touched.
 */
export const tidy = (folder: CheckpointFolder, step: number, keep: number | null): void => {
  const { disk, path } = folder;
  if (keep !== null && keep < 1) throw new RangeError(`the last ${keep} checkpoints cannot be kept: wanted at least 1`);
  const final = join(path, stepName(step));
  try {
    if (disk.list(path).includes(replacedName(step))) remove(folder, replacedName(step));
    for (const name of disk.list(final)) if (isRankRecord(name)) disk.removeFile(join(final, name));
    const ours = stepsIn(disk, path).filter((one) => one <= step && isOurs(folder, stepName(one)));
    const old = keep === null ? [] : ours.slice(0, Math.max(0, ours.length - keep));
    for (const one of old) discard(folder, one);
  } catch (error) {
    throw inWords(error, `${final} is whole, but what it makes needless in ${path} cannot be deleted`);
  }
};
