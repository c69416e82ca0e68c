/** What an earlier training left where a run begins before its end: it is moved aside, and never written over. */
import { copyFileSync, existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { nextEarlier, setAside } from '../exec/checkpoint/set-aside.ts';
import { isEventFile } from '../report/event-file.ts';
import type { RunOptions } from './run-options.ts';
import { CURVE_FILE, EVENTS_FOLDER, LOSS_FILE, rowsIn } from './run-record.ts';
import type { Setup } from './run-setup.ts';
import type { Start } from './run-start.ts';
import { inWords } from './run-start.ts';
import { writeRefusal } from './write-refusal.ts';

/** Where it is now, in a line for the user; null: there was nothing. */
export const setEarlierAside = (
  { folder, name, saving }: Setup,
  { first }: Start,
  { resume }: RunOptions,
): string | null => {
  const checkpoints = saving === null ? null : inWords(() => setAside(saving.folder, first - 1, name));
  const shared = saving?.folder === folder ? checkpoints : null;
  const records = recordsAside(folder, { first, isAsked: resume !== undefined, name: shared });
  const places = [
    ...(saving === null || checkpoints === null ? [] : [`its checkpoints in ${join(saving.folder, checkpoints)}`]),
    ...(records === null ? [] : [`its losses in ${join(folder, records)}`]),
  ];
  return places.length === 0 ? null : `the earlier training is kept: ${places.join(', ')}`;
};

interface Beginning {
  readonly first: number;
  /** To go on from there was the user's wish, and not what follows from a run that was interrupted. */
  readonly isAsked: boolean;
  /** Of the folder in the output folder; null: the next that is free. */
  readonly name: string | null;
}

/** The name of the folder in the output folder that has them now. */
const recordsAside = (folder: string, { first, isAsked, name }: Beginning): string | null => {
  const rows = rowsIn(folder);
  const isAnew = first === 1 && (rows.length > 0 || isSomebodys(folder));
  const isCut = isAsked && rows.some(({ step }) => step >= first);
  if (!isAnew && !isCut) return null;
  try {
    const into = name ?? nextEarlier(localDisk.list(folder));
    localDisk.makeFolder(join(folder, into));
    if (isAnew) moveRecords(folder, join(folder, into));
    else copyFileSync(join(folder, LOSS_FILE), join(folder, into, LOSS_FILE));
    return into;
  } catch (error) {
    throw writeRefusal(folder, error);
  }
};

/** A curve that no losses lie beside was not drawn by a run that is on record here. */
const isSomebodys = (folder: string): boolean =>
  existsSync(join(folder, CURVE_FILE)) && !existsSync(join(folder, LOSS_FILE));

/** The losses go last: until then, a run that is started again does the same. */
const moveRecords = (from: string, to: string): void => {
  const events = localDisk.list(join(from, EVENTS_FOLDER)).filter(isEventFile);
  if (events.length > 0) localDisk.makeFolder(join(to, EVENTS_FOLDER));
  for (const event of events) renameSync(join(from, EVENTS_FOLDER, event), join(to, EVENTS_FOLDER, event));
  for (const name of [CURVE_FILE, LOSS_FILE])
    if (readdirSync(from).includes(name)) renameSync(join(from, name), join(to, name));
};
