/** What must hold before anything of a checkpoint is loaded: its bytes are those that were stored, and of the same model. */
import { basename, dirname, join } from 'node:path';
import type { Disk } from './disk.ts';
import { CheckpointFault, inWords } from './fault.ts';
import { wholeBefore } from './folder.ts';
import type { Manifest, StoredFile } from './manifest.ts';
import { readManifest } from './reader.ts';
import { checksumOf } from './safetensors-file.ts';

/** Reads every byte of a checkpoint; a fault names each file that is not as it was stored. */
export const verify = (disk: Disk, path: string): Manifest => {
  const manifest = readManifest(disk, path);
  const faults = manifest.files.flatMap((file) => faultIn(disk, path, file));
  if (faults.length === 0) return manifest;
  const before = wholeBefore(disk, dirname(path), manifest.progress.step);
  throw new CheckpointFault([...faults, before].join('; '));
};

const faultIn = (disk: Disk, path: string, { name, bytes, sha256 }: StoredFile): readonly string[] => {
  const shown = join(basename(path), name);
  if (!disk.list(path).includes(name)) return [`${shown} is missing`];
  try {
    const file = disk.open(join(path, name));
    try {
      if (file.size !== bytes) return [`${shown} has ${file.size} bytes, ${bytes} were stored`];
      const found = checksumOf(file);
      return found === sha256 ? [] : [`${shown} is not as it was stored: sha256 ${found}, wanted ${sha256}`];
    } finally {
      file.close();
    }
  } catch (error) {
    throw inWords(error, `${shown} cannot be read`);
  }
};

/** What a run is that wants to go on from a checkpoint. */
export interface Continuing {
  readonly model: object;
  readonly tokenizer: string;
  /** Shapes of the whole tensors that its ranks will ask for. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Of the order of the samples. */
  readonly seed: number;
  /** Sequences a step: with another number it would not know which come next. */
  readonly globalBatch: number;
}

/** Refuses a checkpoint of another model or of other data, with every difference at once. */
export const refuseOther = (path: string, manifest: Manifest, wanted: Continuing): void => {
  const differences = differencesFrom(manifest, wanted);
  if (differences.length > 0)
    throw new CheckpointFault(`${path} is of another run:\n${differences.map((one) => `  ${one}`).join('\n')}`);
};

/** Labels of a model: they change nothing that is computed. */
const LABELS = new Set(['name', 'source', 'notes']);

export const differencesFrom = (manifest: Manifest, wanted: Continuing): readonly string[] => {
  const { model, tokenizer, shapes, seed, globalBatch } = wanted;
  const { progress, tensors } = manifest;
  const settings = between(withoutLabels(progress.model), withoutLabels(model), 'model');
  const stored = new Map(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
  // Whatever differs between two models shows in their tensors: these are for what the settings do not explain.
  const named = settings.length > 0 ? [] : between(Object.fromEntries(stored), Object.fromEntries(shapes), 'tensor');
  return [
    ...settings,
    ...named,
    ...between(progress.tokenizer, tokenizer, 'tokenizer'),
    ...between(progress.seed, seed, 'train.seed'),
    ...between(progress.sequence / progress.step, globalBatch, 'workload.globalBatch'),
  ];
};

const withoutLabels = (model: object): object =>
  Object.fromEntries(Object.entries(model).filter(([key]) => !LABELS.has(key)));

/** Leaves that differ, by path; lists and mappings are compared within. */
const between = (stored: unknown, wanted: unknown, path: string): readonly string[] => {
  const [left, right] = [JSON.stringify(stored), JSON.stringify(wanted)];
  if (left === right) return [];
  if (!isTree(stored) || !isTree(wanted))
    return [`${path}: the checkpoint has ${left ?? 'none'}, the run ${right ?? 'none'}`];
  const keys = new Set([...Object.keys(stored), ...Object.keys(wanted)]);
  return [...keys].flatMap((key) => between(stored[key], wanted[key], `${path}.${key}`));
};
const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
