/** Files as a scenario names them: where each is, and what is said of one that cannot be read. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import type { Finding } from '../../scenario/complaint.ts';
import { nearestName } from '../../scenario/nearest.ts';
import { fileFault } from './file-fault.ts';

export interface NamedFile {
  /** As the user wrote it, and in full. */
  readonly path: string;
  readonly full: string;
  /** Of the scenario: `data.text.1`. */
  readonly key: string;
}

/** Files are looked for in the `folders`, in that order. */
export const namedFile = (path: string, key: string, folders: readonly string[]): NamedFile => ({
  path,
  full: folders.map((folder) => resolve(folder, path)).find((full) => existsSync(full)) ?? resolve(path),
  key,
});

export const findingOf = ({ path, key }: NamedFile, message: string): Finding => ({
  path: key,
  message: `${path}: ${message}`,
  suggestion: null,
});

/** What was thrown while the file was read, in words. */
export const readingFault = (file: NamedFile, error: unknown, folders: readonly string[]): Finding => ({
  ...findingOf(file, fileFault(error)),
  suggestion: existsSync(file.full) ? null : nearestFile(file.path, folders),
});

/** By their names alone: an ending in common brings no two files nearer. */
const nearestFile = (path: string, folders: readonly string[]): string | null => {
  const names = folders.flatMap((folder) => namesIn(dirname(resolve(folder, path))));
  const near = nearestName(
    parse(path).name,
    names.map((name) => parse(name).name),
  );
  const found = names.find((name) => parse(name).name === near);
  return found === undefined ? null : join(dirname(path), found);
};

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
};
