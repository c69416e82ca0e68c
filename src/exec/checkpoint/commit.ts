/** What makes a checkpoint of the files that all ranks have stored: the manifest, and the final name of the folder. */
import { join } from 'node:path';
import { STATES } from '../../effects/share.ts';
import { missingFrom } from './coverage.ts';
import { CheckpointFault, inWords } from './fault.ts';
import type { CheckpointFolder } from './folder.ts';
import {
  discard,
  isOurs,
  MANIFEST,
  partialName,
  rankRecord,
  remove,
  stepName,
  stepsIn,
  whileFailing,
  wholeBefore,
  writeFile,
} from './folder.ts';
import type { Piece, Progress, RankRecord, TensorPieces } from './manifest.ts';
import { manifestOf, parseRecord } from './manifest.ts';

/**
 * Makes a checkpoint of what all `ranks` ranks have stored, and deletes the run's oldest beyond the last `keep`, at least
 * 1. Until the partial folder gets its final name there is no new checkpoint, and every earlier one is as it was.
 */
export const commit = (
  folder: CheckpointFolder,
  { ranks, keep, progress }: { readonly ranks: number; readonly keep: number | null; readonly progress: Progress },
): void => {
  const { disk, path, run } = folder;
  const { step } = progress;
  if (keep !== null && keep < 1) throw new RangeError(`the last ${keep} checkpoints cannot be kept: wanted at least 1`);
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
  prune(folder, step, keep);
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
  const pieces = Object.values(tensors).flatMap((tensor) => tensor.pieces);
  const states = STATES.filter((state) => pieces.some((piece) => piece.state === state));
  const gaps = Object.entries(tensors).flatMap(([tensor, held]) => missingFrom(tensor, held, states));
  if (gaps.length > 0) throw new RangeError(`${name} would lack ${gaps.join('; ')}`);
};

const publish = (folder: CheckpointFolder, step: number): void => {
  const { disk, path } = folder;
  const final = stepName(step);
  if (disk.list(path).includes(final)) replace(folder, step);
  else disk.rename(join(path, partialName(step)), join(path, final));
  disk.syncFolder(path);
  // The manifest says it all now.
  for (const name of disk.list(join(path, final)))
    if (/^rank-\d+\.json$/u.test(name)) disk.removeFile(join(path, final, name));
};

/** A run that went back to an earlier step comes past this one again. */
const replace = (folder: CheckpointFolder, step: number): void => {
  const { disk, path, run } = folder;
  const final = stepName(step);
  const replaced = `${final}.replaced`;
  if (!isOurs(folder, final))
    throw new CheckpointFault(`${join(path, final)} is there already and not of the run ${run}: it stays`);
  disk.rename(join(path, final), join(path, replaced));
  try {
    disk.rename(join(path, partialName(step)), join(path, final));
  } catch (error) {
    whileFailing(() => disk.rename(join(path, replaced), join(path, final)));
    throw error;
  }
  remove(folder, replaced);
};

/** Gives up a checkpoint that was begun; what was there before stays. */
export const abandon = (folder: CheckpointFolder, step: number): void => {
  const name = partialName(step);
  if (isOurs(folder, name)) remove(folder, name);
};

/** Later ones were left behind by a run that went back to an earlier step: no run shall go on from them. */
const prune = (folder: CheckpointFolder, step: number, keep: number | null): void => {
  const { disk, path } = folder;
  const ours = stepsIn(disk, path).filter((one) => isOurs(folder, stepName(one)));
  const before = ours.filter((one) => one <= step);
  const old = keep === null ? [] : before.slice(0, Math.max(0, before.length - keep));
  for (const one of [...old, ...ours.filter((later) => later > step)]) discard(folder, one);
};
