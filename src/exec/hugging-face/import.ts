/** Reads a model that the transformers library saved: its config.json, and weights from one file or from many. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ShareRun, State } from '../../effects/share.ts';
import { printComplaint } from '../../scenario/complaint.ts';
import { modelFromHuggingFace } from '../../scenario/hugging-face.ts';
import type { Model } from '../../scenario/model.ts';
import type { Disk } from '../checkpoint/disk.ts';
import { CheckpointFault, inWords } from '../checkpoint/fault.ts';
import { isFloatType, toFloats } from '../checkpoint/floats.ts';
import { rangesOf } from '../checkpoint/ranges.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import { SafetensorsFile } from '../checkpoint/safetensors-file.ts';
import type { TensorPlace } from '../checkpoint/safetensors.ts';
import type { Correspondence } from './correspondence.ts';
import { ownFrom } from './correspondence.ts';
import { WEIGHTS } from './export.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { Constants, Family } from './family.ts';

const INDEX = `${WEIGHTS}.index.json`;
const settingsSchema = z.record(z.string(), z.unknown());
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The model that a folder's config.json describes; refused where its arithmetic is not ours. */
export const readModel = (disk: Disk, path: string, constants: Constants): Model => {
  const file = join(path, 'config.json');
  const text = readText(disk, file);
  const reading = modelFromHuggingFace({ file, text });
  if (reading.kind === 'complaints') throw new CheckpointFault(reading.complaints.map(printComplaint).join('\n'));
  const { model } = reading;
  const settings = settingsSchema.parse(JSON.parse(text));
  const family = FAMILIES.find(({ name }) => name === settings['model_type']);
  const faults = family === undefined ? [unknownFamily(settings)] : arithmeticFaults(settings, family, constants);
  if (faults.length > 0) throw new CheckpointFault(`${file}: ${faults.join('; ')}`);
  return model;
};

/** Classes that share names and shapes may still compute otherwise: Gemma adds 1 to the gains of its norms. */
const unknownFamily = (settings: Settings): string =>
  `weights of model_type ${JSON.stringify(settings['model_type'])} are not known here, only those of ` +
  FAMILIES.map(({ name }) => name).join(', ');

type Settings = z.output<typeof settingsSchema>;

const arithmeticFaults = (settings: Settings, { arithmetic }: Family, constants: Constants): readonly string[] => {
  const flat = { ...settings, ...nested(settings, 'rope_scaling'), ...nested(settings, 'rope_parameters') };
  return Object.entries(arithmetic(constants)).flatMap(([key, { usual, known }]) => {
    const given = flat[key] ?? usual;
    if (known.includes(given)) return [];
    const wanted = known.map((value) => JSON.stringify(value)).join(' or ');
    return [`${key} is ${JSON.stringify(given)}, and only ${wanted} is computed here`];
  });
};
/** Older files say `type` for `rope_type`. */
const nested = (settings: Settings, key: string): Settings => {
  const { type, ...found } = settingsSchema.nullish().parse(settings[key]) ?? {};
  return type === undefined ? found : { rope_type: type, ...found };
};

const readText = (disk: Disk, path: string): string => {
  try {
    return new TextDecoder().decode(disk.readAll(path));
  } catch (error) {
    throw inWords(error, `${path} cannot be read`);
  }
};

/** Refuses a folder whose model is another, or whose weights are not all there, before anything is trained. */
export const refuseOtherWeights = (
  disk: Disk,
  path: string,
  { model, constants }: { readonly model: Model; readonly constants: Constants },
): void => {
  const published = readModel(disk, path, constants);
  const known = new Map<string, unknown>(Object.entries(published));
  const differences = Object.entries(model)
    .filter(([key, value]) => isOfArithmetic(key, model) && !isDeepStrictEqual(value, known.get(key)))
    .map(([key, value]) => `  ${key}: it has ${JSON.stringify(known.get(key))}, the run ${JSON.stringify(value)}`);
  if (differences.length > 0) throw new CheckpointFault(`${path} is of another model:\n${differences.join('\n')}`);
  new PublishedWeights(disk, path, model).close();
};

/** Labels, and what no weight depends on: a longest sequence matters where each of its positions has a weight. */
const isOfArithmetic = (key: string, { position }: Model): boolean =>
  !['name', 'source', 'notes', 'dropout'].includes(key) && (key !== 'positions' || position === 'learned');

/** Where a published tensor is. */
interface Found {
  readonly file: SafetensorsFile;
  readonly place: TensorPlace;
}

/** The weights of a published model as ours: weights and master weights are theirs, and the moments are zero. */
export class PublishedWeights implements StatesSource {
  readonly #path: string;
  readonly #files: readonly SafetensorsFile[];
  readonly #byOwn = new Map<string, readonly { readonly one: Correspondence; readonly found: Found }[]>();
  #last = { name: '', values: new Float32Array() };

  constructor(disk: Disk, path: string, model: Model) {
    this.#path = path;
    this.#files = openAll(disk, path);
    try {
      this.#place(familyOf(model).weights(model));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  read(state: State, run: ShareRun, into: Float32Array): void {
    const { name } = run.share;
    if (into.length !== run.length) throw new RangeError(`${name}: ${into.length} places for ${run.length} elements`);
    into.fill(0);
    if (state !== 'weight' && state !== 'master') return;
    const whole = this.#wholeOf(name, run.share.shape);
    for (const { local, whole: at, length } of rangesOf(run)) into.set(whole.subarray(at, at + length), local);
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  /** Finds all tensors; what is missing, of another shape or of no use is named at once. */
  #place(all: readonly Correspondence[]): void {
    const names = new Map(
      this.#files.flatMap((file) => [...file.header.tensors].map(([name, place]) => [name, { file, place }])),
    );
    const faults: string[] = [];
    for (const one of all) {
      const found = namesOf(one.published).flatMap((name) => names.get(name) ?? [])[0];
      if (found === undefined) faults.push(`${one.published} is missing`);
      else {
        faults.push(...faultsOf(one, found));
        this.#byOwn.set(one.own, [...(this.#byOwn.get(one.own) ?? []), { one, found }]);
        for (const name of namesOf(one.published)) names.delete(name);
      }
    }
    faults.push(
      ...[...names.keys()].filter((name) => !IDLE.test(name)).map((name) => `${name} is no weight of this model`),
    );
    if (faults.length > 0) throw new CheckpointFault(`${this.#path}: ${faults.join('; ')}`);
  }

  #wholeOf(name: string, shape: readonly number[]): Float32Array {
    if (this.#last.name === name) return this.#last.values;
    const parts = this.#byOwn.get(name);
    if (parts === undefined) throw new CheckpointFault(`${this.#path} holds no ${name}`);
    const { rows, width, ownShape } = parts[0]!.one;
    if (ownShape.join() !== shape.join())
      throw new CheckpointFault(`${this.#path}: ${name} is [${ownShape.join(', ')}], wanted [${shape.join(', ')}]`);
    const values = new Float32Array(rows * width);
    for (const { one, found } of parts) ownFrom(numbersOf(found), one, values);
    this.#last = { name, values };
    return values;
  }
}

/** Buffers and copies that some releases saved beside the weights: masks, rotary frequencies, a head that is tied. */
const IDLE = /(\.attn\.(bias|masked_bias)|rotary_emb\.inv_freq|^lm_head\.weight)$/u;

/** A model saved without its head has its names without the first part of them. */
const namesOf = (published: string): readonly string[] => [published, published.replace(/^(transformer|model)\./u, '')];

const faultsOf = ({ published, shape }: Correspondence, { place }: Found): readonly string[] => [
  ...(place.shape.join() === shape.join()
    ? []
    : [`${published} is [${place.shape.join(', ')}], wanted [${shape.join(', ')}]`]),
  ...(isFloatType(place.type) ? [] : [`${published} is ${place.type}, wanted F32, BF16 or F16`]),
];

const numbersOf = ({ file, place }: Found): Float32Array => {
  if (!isFloatType(place.type)) throw new RangeError(`${place.name} is ${place.type}`);
  const count = place.shape.reduce((product, length) => product * length, 1);
  return toFloats(file.read(place, 0, count), place.type);
};

/** One file, or those that an index names. */
const openAll = (disk: Disk, path: string): readonly SafetensorsFile[] => {
  const there = disk.list(path);
  if (!there.includes(WEIGHTS) && !there.includes(INDEX))
    throw new CheckpointFault(`${path}: there is neither ${WEIGHTS} nor ${INDEX}`);
  const names = there.includes(WEIGHTS) ? [WEIGHTS] : namesInIndex(disk, join(path, INDEX));
  const open: SafetensorsFile[] = [];
  try {
    for (const name of names) open.push(new SafetensorsFile(disk, join(path, name)));
    return open;
  } catch (error) {
    for (const file of open) file.close();
    throw inWords(error, `${path} cannot be read`);
  }
};

const namesInIndex = (disk: Disk, path: string): readonly string[] => {
  const read = indexSchema.safeParse(JSON.parse(readText(disk, path)));
  if (!read.success) throw new CheckpointFault(`${path}: there is no mapping of weights to files`);
  return [...new Set(Object.values(read.data.weight_map))].toSorted();
};
