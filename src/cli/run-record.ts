/** The files that a run leaves beside its checkpoints: loss.csv, TensorBoard events and the loss curve. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { eventFileName, eventFileStart, scalarsRecord } from '../report/event-file.ts';
import { lossCsvOf, lossLine, parseLossCsv } from '../report/loss-csv.ts';
import type { StepRow } from '../report/loss-csv.ts';
import { lossCurve } from '../report/loss-curve.ts';
import type { RunScalars } from '../report/run-scalars.ts';
import { scalarsOf } from '../report/run-scalars.ts';
import type { Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';
import { EXIT, Refusal } from './exit.ts';
import { GrowingFile } from './growing-file.ts';
import { writeRefusal } from './write-refusal.ts';

export const LOSS_FILE = 'loss.csv';
export const CURVE_FILE = 'loss.svg';
/** TensorBoard is given this folder, or the one around it. */
export const EVENTS_FOLDER = 'tensorboard';

/** As they lie in its folder. */
export const RECORD_FILES: readonly string[] = [LOSS_FILE, CURVE_FILE, EVENTS_FOLDER];

/** One run's files, open from its first step here to its last. */
export class RunRecord {
  readonly #folder: string;
  readonly #losses: GrowingFile;
  readonly #events: GrowingFile;
  readonly #rows: StepRow[];

  /** `step`: that after which the run goes on; what the files say of later ones is forgotten. 0: a new run. */
  constructor(folder: string, step: number) {
    this.#folder = folder;
    written(folder, () => localDisk.makeFolder(folder));
    const path = join(folder, LOSS_FILE);
    this.#rows = rowsIn(folder).filter((row) => row.step <= step);
    replace(path, lossCsvOf(this.#rows));
    this.#losses = written(path, () => new GrowingFile(path, 'a'));
    this.#events = openEvents(join(folder, EVENTS_FOLDER), step + 1);
  }

  /** Of all steps that are on record, those before this process too. */
  get rows(): readonly StepRow[] {
    return this.#rows;
  }

  add(scalars: RunScalars): void {
    const { row } = scalars;
    this.#rows.push(row);
    append(this.#losses, Buffer.from(lossLine(row)));
    append(this.#events, scalarsRecord({ step: row.step, at: now(), values: scalarsOf(scalars) }));
  }

  /** Once it returns, the steps on record outlast a loss of power. */
  sync(): void {
    for (const file of [this.#losses, this.#events]) written(file.path, () => file.sync());
  }

  /** Draws the curve of all steps on record. */
  close(title: string): void {
    for (const file of [this.#losses, this.#events]) file.close();
    replace(join(this.#folder, CURVE_FILE), lossCurve(this.#rows, title));
  }
}

/** The steps on record in that folder; none where there is no file. What is not as a run writes it is somebody's, and stays. */
export const rowsIn = (folder: string): readonly StepRow[] => {
  const path = join(folder, LOSS_FILE);
  const text = written(path, () => (existsSync(path) ? readFileSync(path, 'utf8') : ''));
  try {
    return text === '' ? [] : parseLossCsv(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal(
      EXIT.badInput,
      `error: ${path} is there already, and not as a run writes it: ${error.message.trimEnd()}; wanted another --output, or the file moved elsewhere`,
    );
  }
};

/** A file of this process alone: two that began in one second must not write into one. */
const openEvents = (folder: string, step: number): GrowingFile =>
  written(folder, () => {
    localDisk.makeFolder(folder);
    const at = now();
    const free = (index: number): string => {
      const path = join(folder, eventFileName({ at, host: hostname(), index }));
      return existsSync(path) ? free(index + 1) : path;
    };
    const file = new GrowingFile(free(0), 'ax');
    file.append(eventFileStart({ step, at }));
    return file;
  });

const append = (file: GrowingFile, piece: Uint8Array): void => written(file.path, () => file.append(piece));

/** The file as it was, or as it shall be: never half of it. */
const replace = (path: string, text: string): void =>
  written(path, () => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) refuseFolder(path);
    const partial = `${path}.partial`;
    try {
      writeFileSync(partial, text, { flush: true });
      renameSync(partial, path);
    } catch (error) {
      rmSync(partial, { force: true });
      throw error;
    }
  });

const refuseFolder = (path: string): never => {
  throw new Refusal(EXIT.badInput, `error: ${path}: this is a folder, wanted a file`);
};

const now = (): Seconds => seconds(Date.now() / 1e3);

/** What the system says against the file is said in words. */
const written = <Result>(path: string, act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    throw writeRefusal(path, error);
  }
};
