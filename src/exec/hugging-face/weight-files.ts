/** The files that a published model's weights are in: one, or those that an index beside them names. */
import { join } from 'node:path';
import { z } from 'zod';
import { show } from '../../scenario/issues.ts';
import { jsonFault } from '../../scenario/json-fault.ts';
import { inLine, printComplaint } from '../../scenario/complaint.ts';
import type { Tree } from '../../scenario/tree.ts';
import { nearestAt, readTree } from '../../scenario/tree.ts';
import type { Disk } from '../checkpoint/disk.ts';
import { CheckpointFault, inWords } from '../checkpoint/fault.ts';
import { isFloatType, toFloats } from '../checkpoint/floats.ts';
import { SafetensorsFile } from '../checkpoint/safetensors-file.ts';
import type { TensorPlace } from '../checkpoint/safetensors.ts';
import { WEIGHTS } from './export.ts';

const INDEX = `${WEIGHTS}.index.json`;

/** Open files; whoever opens them closes them. */
export const openWeights = (disk: Disk, path: string): readonly SafetensorsFile[] => {
  const there = disk.list(path);
  if (!there.includes(WEIGHTS) && !there.includes(INDEX))
    throw new CheckpointFault(`${path}: there is neither ${WEIGHTS} nor ${INDEX}`);
  const names = there.includes(WEIGHTS) ? [WEIGHTS] : namesInIndex(disk, join(path, INDEX));
  const missing = names.filter((name) => !there.includes(name));
  if (missing.length > 0)
    throw new CheckpointFault(firstOf(missing.map((name) => `${join(path, name)}: there is no such file`)).join('\n'));
  const open: SafetensorsFile[] = [];
  try {
    for (const name of names) open.push(openOne(disk, join(path, name)));
    return open;
  } catch (error) {
    for (const file of open) file.close();
    throw error;
  }
};

const openOne = (disk: Disk, path: string): SafetensorsFile => {
  try {
    return new SafetensorsFile(disk, path);
  } catch (error) {
    throw inWords(error, `${path} cannot be read`);
  }
};

const indexSchema = z.object({ weight_map: z.record(z.string(), z.unknown()) });

const namesInIndex = (disk: Disk, path: string): readonly string[] => {
  const text = readText(disk, path);
  const fault = jsonFault({ file: path, text });
  if (fault !== null) throw new CheckpointFault(printComplaint(fault));
  const read = indexSchema.safeParse(JSON.parse(text));
  if (!read.success) throw new CheckpointFault(`${path}: there is no weight_map, a mapping of weights to files`);
  const entries = Object.entries(read.data.weight_map);
  const odd = entries.filter(([, name]) => !isPlainName(name));
  if (odd.length > 0) {
    const { tree } = readTree({ file: path, text });
    const complaints = odd.map(
      ([key, name]) =>
        `${placeIn(tree, ['weight_map', key])}weight_map.${key}: ${show(name)} is no name of a file beside this one`,
    );
    throw new CheckpointFault(firstOf(complaints).map(inLine).join('\n'));
  }
  return [...new Set(entries.map(([, name]) => String(name)))].toSorted();
};

/** Of a file in the same folder: an index from elsewhere has no business in others. */
const isPlainName = (name: unknown): boolean => typeof name === 'string' && !/^\.{0,2}$|[/\\\p{Cc}]/u.test(name);

export const readText = (disk: Disk, path: string): string => {
  try {
    return new TextDecoder().decode(disk.readAll(path));
  } catch (error) {
    throw inWords(error, `${path} cannot be read`);
  }
};

/** `config.json:3:7 `, for what is wrong there. */
export const placeIn = (tree: Tree | null, path: readonly string[]): string => {
  if (tree === null) return '';
  const { file, line, column } = nearestAt(tree, path).at;
  return `${file}:${line}:${column} `;
};

/** Of many complaints the first are enough. */
export const firstOf = (complaints: readonly string[]): readonly string[] =>
  complaints.length <= COMPLAINTS_MAX
    ? complaints
    : [...complaints.slice(0, COMPLAINTS_MAX), `and ${complaints.length - COMPLAINTS_MAX} more`];
const COMPLAINTS_MAX = 10;

/** Where a published tensor is. */
export interface Found {
  readonly file: SafetensorsFile;
  readonly place: TensorPlace;
}

const countOf = ({ shape }: TensorPlace): number => shape.reduce((product, length) => product * length, 1);

export const numbersOf = ({ file, place }: Found, first = 0, count = countOf(place)): Float32Array => {
  if (!isFloatType(place.type)) throw new RangeError(`${place.name} is ${place.type}`);
  return toFloats(file.read(place, first, count), place.type);
};

/** Elements that are looked at together. */
const PIECE = 2 ** 20;

/** The first element of a tensor that is no number, in words; null when all are. */
export const nonNumberIn = (found: Found): string | null => {
  const { file, place } = found;
  const count = countOf(place);
  for (let first = 0; first < count; first += PIECE) {
    const values = numbersOf(found, first, Math.min(PIECE, count - first));
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at !== -1) return `${file.name}: ${place.name}: element ${first + at} is ${values[at]}; wanted a number`;
  }
  return null;
};
