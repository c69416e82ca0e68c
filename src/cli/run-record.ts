/** The files that a run leaves beside its checkpoints: loss.csv, TensorBoard events and the loss curve. */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { eventFileName, eventFileStart, scalarsRecord } from '../report/event-file.ts';
import { LOSS_HEADER, lossCsvUpTo, lossLine, parseLossCsv } from '../report/loss-csv.ts';
import type { StepRow } from '../report/loss-csv.ts';
import { lossCurve } from '../report/loss-curve.ts';
import type { RunScalars } from '../report/run-scalars.ts';
import { scalarsOf } from '../report/run-scalars.ts';
import type { Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';
import { EXIT, Refusal } from './exit.ts';
import { writeRefusal } from './write-refusal.ts';

const LOSS_FILE = 'loss.csv';
const CURVE_FILE = 'loss.svg';
/** TensorBoard is given this folder, or the one around it. */
const EVENTS_FOLDER = 'tensorboard';

/** One run's files, open from its first step here to its last. */
export class RunRecord {
  readonly #folder: string;
  readonly #losses: number;
  readonly #events: number;
  readonly #rows: StepRow[];

  /** `step`: that after which the run goes on; what the files say of later ones is forgotten. 0: a new run. */
  constructor(folder: string, step: number) {
    this.#folder = folder;
    try {
      localDisk.makeFolder(join(folder, EVENTS_FOLDER));
      const path = join(folder, LOSS_FILE);
      const text = step > 0 && existsSync(path) ? lossCsvUpTo(readFileSync(path, 'utf8'), step) : LOSS_HEADER;
      this.#rows = [...parseLossCsv(text)];
      replace(path, text);
      this.#losses = openSync(path, 'a');
      this.#events = openSync(join(folder, EVENTS_FOLDER, eventFileName({ at: now(), host: hostname() })), 'a');
      writeSync(this.#events, eventFileStart({ step: step + 1, at: now() }));
    } catch (error) {
      throw refusal(folder, error);
    }
  }

  /** Of all steps that are on record, those before this process too. */
  get rows(): readonly StepRow[] {
    return this.#rows;
  }

  add(scalars: RunScalars): void {
    const { row } = scalars;
    this.#rows.push(row);
    try {
      writeSync(this.#losses, lossLine(row));
      writeSync(this.#events, scalarsRecord({ step: row.step, at: now(), values: scalarsOf(scalars) }));
    } catch (error) {
      throw refusal(this.#folder, error);
    }
  }

  /** Draws the curve of all steps on record. */
  close(title: string): void {
    closeSync(this.#losses);
    closeSync(this.#events);
    try {
      replace(join(this.#folder, CURVE_FILE), lossCurve(this.#rows, title));
    } catch (error) {
      throw refusal(this.#folder, error);
    }
  }
}

/** The file as it was, or as it shall be: never half of it. */
const replace = (path: string, text: string): void => {
  writeFileSync(`${path}.partial`, text);
  renameSync(`${path}.partial`, path);
};

const now = (): Seconds => seconds(Date.now() / 1e3);

const refusal = (folder: string, error: unknown): unknown =>
  error instanceof RangeError
    ? new Refusal(EXIT.badInput, `error: ${join(folder, LOSS_FILE)}: ${error.message}`)
    : writeRefusal(folder, error);
