/** What must hold before anything of a checkpoint is loaded: its bytes are those that were stored, and of the same model. */
import { basename, dirname, join } from 'node:path';
import { gapsIn } from './coverage.ts';
import type { Disk } from './disk.ts';
import { CheckpointFault, inWords } from './fault.ts';
import { wholeBefore } from './folder.ts';
import type { Manifest, StoredData, StoredFile } from './manifest.ts';
import { readManifest } from './reader.ts';
import { checksumOf } from './safetensors-file.ts';
import type { Settings } from './settings.ts';

/** Reads every byte of a checkpoint; a fault names each file that is not as it was stored. */
export const verify = (disk: Disk, path: string): Manifest => {
  const manifest = readManifest(disk, path);
  const damaged = manifest.files.flatMap((file) => faultIn(disk, path, file));
  const faults = damaged.length > 0 ? damaged : gapsIn(manifest.tensors).map((gap) => `${basename(path)} lacks ${gap}`);
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
export interface Continuing extends Settings {
  /** Names the run; null where the checkpoint was asked for by its path, and may be of any. */
  readonly run: string | null;
  /** Shapes of the whole tensors that its ranks will ask for. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** Refuses a checkpoint of another run, of another model or of other data, with every difference at once. */
export const refuseOther = (path: string, manifest: Manifest, wanted: Continuing): void => {
  if (wanted.run !== null && wanted.run !== manifest.run)
    throw new CheckpointFault(
      `${path} is of the run ${manifest.run}, and this is ${wanted.run}; wanted another checkpoint.folder, or --resume ${path} to go on from it all the same`,
    );
  const differences = differencesFrom(manifest, wanted);
  if (differences.length > 0)
    throw new CheckpointFault(`${path} is of another run:\n${differences.map((one) => `  ${one}`).join('\n')}`);
};

/** Labels of a model: they change nothing that is computed. */
const LABELS = new Set(['name', 'source', 'notes']);

/** What forbids going on. */
export const differencesFrom = ({ progress, tensors }: Manifest, wanted: Continuing): readonly string[] => {
  const settings = between(withoutLabels(progress.model), withoutLabels(wanted.model), 'model');
  const stored = new Map(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
  // Whatever differs between two models shows in their tensors: these are for what the settings do not explain.
  const named =
    settings.length > 0 ? [] : between(Object.fromEntries(stored), Object.fromEntries(wanted.shapes), 'tensor');
  return [
    ...[...settings, ...named].map(asRefused),
    ...differencesOfData(progress.data, wanted.data),
    ...between(progress.seed, wanted.seed, 'train.seed').map(asRefused),
    ...between(progress.batch, wanted.batch, 'workload.globalBatch').map(asRefused),
  ];
};

/** A text that is split at another place has the same tokens, but documents may follow one another in another order. */
const differencesOfData = (stored: StoredData, wanted: StoredData): readonly string[] => {
  const sequence = between(stored.sequence, wanted.sequence, 'workload.sequence').map(asRefused);
  const isSplitAnew = tokensOf(stored) === tokensOf(wanted) && stored.trainTokens !== wanted.trainTokens;
  if (isSplitAnew)
    return [
      ...sequence,
      `data.validation: the checkpoint keeps ${stored.validationTokens} of ${tokensOf(stored)} tokens for it, the run ${wanted.validationTokens}`,
    ];
  if (stored.tokens === wanted.tokens && tokensOf(stored) === tokensOf(wanted)) return sequence;
  return [
    ...sequence,
    `data.text or data.tokenizer: the checkpoint has ${shownTokens(stored)}, the run ${shownTokens(wanted)}`,
  ];
};
const tokensOf = ({ trainTokens, validationTokens }: StoredData): number => trainTokens + validationTokens;
const shownTokens = (data: StoredData): string =>
  `${tokensOf(data)} tokens of ${data.tokenizer}, checksum ${data.tokens.slice(0, CHECKSUM_SHOWN)}`;
const CHECKSUM_SHOWN = 8;

/** What is another than it was and forbids nothing, but makes the curve another from here on: a line for the user each. */
export const changesSince = ({ progress }: Manifest, { training, precision, layout }: Settings): readonly string[] =>
  [
    ...between(progress.training, training, 'train'),
    ...between(progress.precision, precision, 'precision'),
    ...between(progress.layout, layout, 'layout'),
  ].map(({ path, stored, wanted }) => `${path} was ${plain(stored)} and is ${plain(wanted)}`);
const plain = (value: unknown): string => (typeof value === 'string' ? value : shown(value));

const withoutLabels = (model: object): object =>
  Object.fromEntries(Object.entries(model).filter(([key]) => !LABELS.has(key)));

interface Difference {
  readonly path: string;
  readonly stored: unknown;
  readonly wanted: unknown;
}
const asRefused = ({ path, stored, wanted }: Difference): string =>
  `${path}: the checkpoint has ${shown(stored)}, the run ${shown(wanted)}`;
const shown = (value: unknown): string => JSON.stringify(value) ?? 'none';

/** Leaves that differ, by path; mappings are compared within. */
const between = (stored: unknown, wanted: unknown, path: string): readonly Difference[] => {
  if (JSON.stringify(stored) === JSON.stringify(wanted)) return [];
  if (!isTree(stored) || !isTree(wanted)) return [{ path, stored, wanted }];
  const keys = new Set([...Object.keys(stored), ...Object.keys(wanted)]);
  return [...keys].flatMap((key) => between(stored[key], wanted[key], `${path}.${key}`));
};
const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
