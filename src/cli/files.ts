/** The file system as commands see it: the user's input, the catalogues of this package, and the files that scenarios name. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import type { Cluster } from '../scenario/cluster.ts';
import { printComplaint } from '../scenario/complaint.ts';
import { parseCluster } from '../scenario/entries.ts';
import type { Library, Shelf } from '../scenario/library.ts';
import type { Source } from '../scenario/tree.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandsFileSchema } from '../validate/bands.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { packageFile } from './package-folder.ts';

/** The text of a file that the user named; a refusal with the nearest name when there is none. */
export const readInput = (path: string, io: Io, most: number = SCENARIO_BYTES_MAX): string => {
  const full = resolve(io.folder, path);
  return readText(full, { name: path === '' ? '""' : path, most });
};

const SCENARIO_BYTES_MAX = 2 ** 18;
/** Lists of labels make the config.json of some models long. */
const ENTRY_BYTES_MAX = 2 ** 22;

/** No more than `most` bytes: a file may be a device that never ends. A mark of the byte order is no part of the text. */
const readText = (full: string, { name, most }: { readonly name: string; readonly most: number }): string => {
  try {
    const bytes = firstBytes(full, most + 1);
    if (bytes.length > most) throw new Refusal(EXIT.badInput, `${name}: longer than the ${most} bytes wanted at most`);
    return bytes.toString('utf8').replace(/^\uFEFF/u, '');
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const near = reason === 'ENOENT' ? nearestFile(name, full) : '';
    throw new Refusal(EXIT.badInput, `${name}: ${REASONS[reason] ?? reason}${near}`);
  }
};

const firstBytes = (full: string, most: number): Buffer => {
  const file = openSync(full, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(most, Math.max(fstatSync(file).size, PIPE_BYTES) + 1));
    const parts: Buffer[] = [];
    for (let left = most, got = 1; left > 0 && got > 0; left -= got) {
      got = readSync(file, bytes, 0, Math.min(bytes.length, left), null);
      parts.push(Buffer.from(bytes.subarray(0, got)));
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(file);
  }
};
const PIPE_BYTES = 2 ** 16;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder, wanted a file',
  EACCES: 'the file may not be read',
  ENOTDIR: 'a part of the path is not a folder',
};

/** Where the names in a scenario lead: `scenario` is its file, or undefined when there are only flags. */
export const libraryFor = (scenario: string | undefined, io: Io): Library => {
  // What a scenario names lies beside it; what is typed on the command line lies in the working folder.
  const folders = [...(scenario === undefined ? [] : [dirname(resolve(io.folder, scenario))]), io.folder];
  return {
    models: shelf('scenarios/models', folders, io),
    clusters: shelf('scenarios/clusters', folders, io),
    read: (path, from) =>
      firstOf(
        [dirname(resolve(io.folder, from)), ...folders].map((folder) => configFile(resolve(folder, path))),
        io,
      ),
  };
};

/** The clusters of the catalogue by name. One that is missing or wrong is a mistake of ours, not of the user. */
export const shippedClusters = (io: Io): ((name: string) => Cluster) => {
  const library = libraryFor(undefined, io);
  return (name) => {
    const { value, complaints } = parseCluster({ file: name, text: name }, library);
    if (value === null) throw new Error(complaints.map(printComplaint).join('\n'));
    return value;
  };
};

/** Every cluster of the catalogue that can be rented: neither the example nor this machine. */
export const catalogueClusters = (io: Io): readonly Cluster[] =>
  namesIn(packageFile('scenarios/clusters'))
    .filter((name) => name !== 'example' && name !== 'local-cpu')
    .map(shippedClusters(io));

/** How far published runs lay from their predictions. A file that is wrong is a mistake of ours, not of the user. */
export const shippedBands = (): BandsFile =>
  bandsFileSchema.parse(JSON.parse(readFileSync(packageFile('scenarios/validation/bands.json'), 'utf8')));

/** A shipped entry by its name, or one of the user's own by its path. */
const shelf = (folder: string, userFolders: readonly string[], io: Io): Shelf => {
  const names = namesIn(packageFile(folder));
  return {
    names,
    find: (name) => {
      if (names.includes(name)) return firstOf([packageFile(`${folder}/${name}.yaml`)], io);
      return YAML_FILE.test(name)
        ? firstOf(
            userFolders.map((user) => resolve(user, name)),
            io,
          )
        : null;
    },
  };
};

const YAML_FILE = /\.ya?ml$/u;

const namesIn = (folder: string): readonly string[] =>
  entriesOf(folder)
    .filter((name) => YAML_FILE.test(name))
    .map((name) => name.replace(YAML_FILE, ''));

const firstOf = (paths: readonly string[], io: Io): Source | null => {
  const path = paths.find(isFile);
  return path === undefined
    ? null
    : { file: shortest(path, io), text: readText(path, { name: shortest(path, io), most: ENTRY_BYTES_MAX }) };
};

/** A model is named by its folder as often as by its config.json. */
const configFile = (path: string): string => (isFile(path) ? path : join(path, 'config.json'));

/** What may not be looked into, or lies below a file as if that were a folder, is no file for us. */
const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** As the user would type it: a path upwards through many folders is no help in a complaint. */
const shortest = (path: string, io: Io): string => {
  const near = relative(io.folder, path);
  return near.startsWith('..') ? path : near;
};

const nearestFile = (path: string, full: string): string => {
  const names = entriesOf(dirname(full));
  const wanted = basename(full);
  const nearest = names
    .filter((name) => name !== wanted)
    .toSorted((a, b) => distance(a, wanted) - distance(b, wanted))[0];
  if (nearest === undefined || distance(nearest, wanted) > wanted.length / 2) return '';
  return ` (did you mean ${join(dirname(path), nearest)}?)`;
};

const entriesOf = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
};
