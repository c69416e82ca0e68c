/** Where a run begins: with the seed, with a published model's weights, or behind the last step of a checkpoint. */
import { resolve } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { CheckpointFault } from '../exec/checkpoint/fault.ts';
import { latestIn, openFolder } from '../exec/checkpoint/folder.ts';
import type { Manifest } from '../exec/checkpoint/manifest.ts';
import { refuseOccupied } from '../exec/checkpoint/occupied.ts';
import { settingsOf } from '../exec/checkpoint/settings.ts';
import { changesSince, refuseOther, verify } from '../exec/checkpoint/verify.ts';
import { refuseOtherWeights } from '../exec/hugging-face/import.ts';
import type { Origin } from '../exec/training/order.ts';
import { CONSTANTS } from '../exec/training/states-origin.ts';
import { tensorsOf } from '../model/shares.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { RunOptions } from './run-options.ts';
import { rowsIn } from './run-record.ts';
import type { Setup } from './run-setup.ts';

export interface Start {
  readonly origin: Origin;
  /** Number of the first step. */
  readonly first: number;
  /** In words. */
  readonly what: string;
  /** What is another than it was when the checkpoint was saved, in words each. */
  readonly changes: readonly string[];
}

/** What an interrupted run left half-written goes. */
export const putFolderInOrder = ({ saving, name }: Setup): void => {
  if (saving !== null) inWords(() => openFolder({ disk: localDisk, path: saving.folder, run: name }));
};

/** What goes wrong with files is said in words, and is not a mistake of ours. */
export const inWords = <Result>(act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    if (error instanceof CheckpointFault) throw new Refusal(EXIT.badInput, `error: ${error.message}`);
    throw error;
  }
};

/** All that forbids the run to begin there is told now: none of it can be mended later. */
export const whereToStart = (setup: Setup, options: RunOptions, io: Io): Start => {
  const start = placeOf(setup, options, io);
  const { saving, last, folder, name } = setup;
  const { first } = start;
  if (first > last) return start;
  refuseLateDrill(options, { first, last });
  rowsIn(folder);
  if (saving !== null)
    inWords(() => refuseOccupied({ disk: localDisk, path: saving.folder, run: name }, { first, last }));
  return start;
};

/** Nothing is left to recover behind the last step. */
const refuseLateDrill = (
  { drill }: RunOptions,
  { first, last }: { readonly first: number; readonly last: number },
): void => {
  if (drill === undefined || (drill.step >= first && drill.step < last)) return;
  const wanted = first < last ? `wanted a step from ${first} to ${last - 1}` : 'it has no two steps to drill between';
  throw new Refusal(
    EXIT.usage,
    `error: --drill ${drill.rank}@${drill.step}: the run does the steps ${first} to ${last}; ${wanted}`,
  );
};

const placeOf = (setup: Setup, options: RunOptions, io: Io): Start => {
  const { job, saving } = setup;
  if (options.from !== undefined) return fromPublished(resolve(io.folder, options.from), setup);
  if (options.resume !== undefined) return behind(checkpointAt(resolve(io.folder, options.resume)), setup, null);
  const found = saving === null || options.fresh === true ? null : latestIn(localDisk, saving.folder);
  if (found !== null) return behind(found, setup, setup.name);
  return { origin: { kind: 'seed', seed: job.training.seed }, first: 1, what: 'the seed', changes: [] };
};

const fromPublished = (path: string, { job }: Setup): Start => {
  inWords(() => refuseOtherWeights(localDisk, path, { model: job.model, constants: CONSTANTS }));
  return { origin: { kind: 'published', path }, first: 1, what: path, changes: [] };
};

/** A checkpoint itself, or the folder that a run keeps its checkpoints in. */
export const checkpointAt = (path: string): string => inWords(() => latestIn(localDisk, path)) ?? path;

/** Of the run of that name alone; null: of any, for it was asked for. */
const behind = (path: string, setup: Setup, run: string | null): Start =>
  inWords(() => {
    const manifest = verify(localDisk, path);
    refuseOthers(path, manifest, setup, run);
    const changes = changesSince(manifest, settingsOf(setup.job, setup.data));
    return { origin: { kind: 'checkpoint', path }, first: manifest.progress.step + 1, what: path, changes };
  });

/** The same samples in the same order, or it would be another run that goes on. */
const refuseOthers = (path: string, manifest: Manifest, { job, data }: Setup, run: string | null): void =>
  refuseOther(path, manifest, { ...settingsOf(job, data), shapes: tensorsOf(job.model), run });
