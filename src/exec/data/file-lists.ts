/** Files that a scenario names together: a folder stands for those in it, a star in a name for whatever stands there. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Finding } from '../../scenario/complaint.ts';
import type { NamedFile } from './named-file.ts';
import { findingOf, namedFile } from './named-file.ts';

export type FileList =
  | { readonly kind: 'files'; readonly files: readonly NamedFile[] }
  | { readonly kind: 'none'; readonly finding: Finding };

/** In the order of their names, which decides which documents are kept for validation. `ending`: of a folder's files, `.txt`. */
export const filesUnder = (
  file: NamedFile,
  { ending, folders }: { readonly ending: string; readonly folders: readonly string[] },
): FileList => {
  if (isFolder(file.full)) {
    const names = namesIn(file.full).filter((name) => name.endsWith(ending));
    return listOf(
      file,
      names.map((name) => join(file.path, name)),
      { folders, none: `this is a folder without *${ending} in it` },
    );
  }
  if (!basename(file.path).includes('*')) return { kind: 'files', files: [file] };
  const pattern = patternOf(basename(file.path));
  const found = folders.map((folder) =>
    namesIn(dirname(resolve(folder, file.path))).filter((name) => pattern.test(name)),
  );
  const names = found.find((some) => some.length > 0) ?? [];
  return listOf(
    file,
    names.map((name) => join(dirname(file.path), name)),
    { folders, none: 'there is no such file' },
  );
};

const listOf = (
  file: NamedFile,
  paths: readonly string[],
  { folders, none }: { readonly folders: readonly string[]; readonly none: string },
): FileList =>
  paths.length === 0
    ? { kind: 'none', finding: findingOf(file, none) }
    : { kind: 'files', files: paths.map((path) => namedFile(path, file.key, folders)) };

/** A star is any characters of a name; all others are themselves. */
const patternOf = (name: string): RegExp =>
  new RegExp(`^${name.replaceAll(/[.+?^${}()|[\]\\]/gu, String.raw`\$&`).replaceAll('*', '.*')}$`, 'u');

/** What may not be looked at is none for us, and is complained of when it is read. */
const isFolder = (full: string): boolean => {
  try {
    return statSync(full).isDirectory();
  } catch {
    return false;
  }
};

/** Hidden files are not meant. What cannot be looked into has no names for us. */
const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .toSorted();
  } catch {
    return [];
  }
};
