/** Reads a model that the transformers library saved: its config.json, and weights from one file or from many. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ShareRun, State } from '../../effects/share.ts';
import { inLine, printComplaint } from '../../scenario/complaint.ts';
import { modelFromHuggingFace } from '../../scenario/hugging-face.ts';
import { show } from '../../scenario/issues.ts';
import type { Model } from '../../scenario/model.ts';
import type { Source } from '../../scenario/tree.ts';
import { readTree } from '../../scenario/tree.ts';
import type { Disk } from '../checkpoint/disk.ts';
import { CheckpointFault } from '../checkpoint/fault.ts';
import { isFloatType } from '../checkpoint/floats.ts';
import { rangesOf } from '../checkpoint/ranges.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import type { SafetensorsFile } from '../checkpoint/safetensors-file.ts';
import type { Correspondence } from './correspondence.ts';
import { ownFrom } from './correspondence.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { Constants, Family } from './family.ts';
import type { Found } from './weight-files.ts';
import { firstOf, nonNumberIn, numbersOf, openWeights, placeIn, readText } from './weight-files.ts';

const settingsSchema = z.record(z.string(), z.unknown());

/** The model that a folder's config.json describes; refused where its arithmetic is not ours. */
export const readModel = (disk: Disk, path: string, constants: Constants): Model => {
  const file = join(path, 'config.json');
  const text = readText(disk, file);
  const reading = modelFromHuggingFace({ file, text });
  if (reading.kind === 'complaints') throw new CheckpointFault(reading.complaints.map(printComplaint).join('\n'));
  const { model } = reading;
  const settings = settingsSchema.parse(JSON.parse(text));
  refuseOtherForms({ file, text }, settings);
  const family = FAMILIES.find(({ name }) => name === settings['model_type']);
  const faults = family === undefined ? [unknownFamily(settings)] : arithmeticFaults(settings, family, constants);
  if (faults.length > 0) throw new CheckpointFault(inLine(`${file}: ${faults.join('; ')}`));
  return model;
};

/** Classes that share names and shapes may still compute otherwise: Gemma adds 1 to the gains of its norms. */
const unknownFamily = (settings: Settings): string =>
  `weights of model_type ${JSON.stringify(settings['model_type'])} are not known here, only those of ` +
  FAMILIES.map(({ name }) => name).join(', ');

type Settings = z.output<typeof settingsSchema>;

const arithmeticFaults = (settings: Settings, { arithmetic }: Family, constants: Constants): readonly string[] => {
  const flat = {
    ...settings,
    ...NESTED.map((key) => nested(settings[key])).reduce((all, one) => ({ ...all, ...one })),
  };
  return Object.entries(arithmetic(constants)).flatMap(([key, { usual, known }]) => {
    const given = flat[key] ?? usual;
    if (known.includes(given)) return [];
    const wanted = known.map((value) => JSON.stringify(value)).join(' or ');
    return [`${key} is ${JSON.stringify(given)}, and only ${wanted} is computed here`];
  });
};

/** Settings that are mappings of settings, or nothing. */
const NESTED = ['rope_scaling', 'rope_parameters'] as const;
const nestedSchema = settingsSchema.nullish();

/** Older files say `type` for `rope_type`. */
const nested = (value: unknown): Settings => {
  const { type, ...found } = nestedSchema.parse(value) ?? {};
  return type === undefined ? found : { rope_type: type, ...found };
};

const refuseOtherForms = (source: Source, settings: Settings): void => {
  const odd = NESTED.filter((key) => !nestedSchema.safeParse(settings[key]).success);
  if (odd.length === 0) return;
  const { tree } = readTree(source);
  const complaints = odd.map(
    (key) => `${placeIn(tree, [key])}${key}: ${show(settings[key])} is no mapping of settings`,
  );
  throw new CheckpointFault(complaints.join('\n'));
};

/** Refuses a folder whose model is another, or whose weights are not all there, before anything is trained. */
export const refuseOtherWeights = (
  disk: Disk,
  path: string,
  { model, constants }: { readonly model: Model; readonly constants: Constants },
): void => {
  const published = readModel(disk, path, constants);
  const differences = Object.entries(model).flatMap(([key, value]) =>
    isOfArithmetic(key, model) ? differencesIn(key, valueAt(published, key), value) : [],
  );
  if (differences.length > 0)
    throw new CheckpointFault(
      [
        `${path} is of another model:`,
        ...differences.map((one) => `  ${one}`),
        `wanted the same one, or the model from there too: --hf ${path}, which is model: {hf: ${path}} in a scenario`,
      ].join('\n'),
    );
  const weights = new PublishedWeights(disk, path, model);
  try {
    weights.refuseNonNumbers();
  } finally {
    weights.close();
  }
};

/** Labels, and what no weight depends on: a longest sequence matters where each of its positions has a weight. */
const isOfArithmetic = (key: string, { position }: Model): boolean =>
  !['name', 'source', 'notes', 'dropout'].includes(key) && (key !== 'positions' || position === 'learned');

const isTree = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const valueAt = (tree: object, key: string): unknown => new Map<string, unknown>(Object.entries(tree)).get(key);

/** Leaves that differ, by their keys. */
const differencesIn = (path: string, published: unknown, own: unknown): readonly string[] => {
  if (isDeepStrictEqual(published, own)) return [];
  if (!isTree(published) || !isTree(own)) return [`${path}: it has ${show(published)}, the run ${show(own)}`];
  return Object.keys(own).flatMap((key) => differencesIn(`${path}.${key}`, valueAt(published, key), valueAt(own, key)));
};

/** The weights of a published model as ours: weights and master weights are theirs, and the moments are zero. */
export class PublishedWeights implements StatesSource {
  readonly #path: string;
  readonly #files: readonly SafetensorsFile[];
  readonly #byOwn = new Map<string, readonly { readonly one: Correspondence; readonly found: Found }[]>();
  #last = { name: '', values: new Float32Array() };

  constructor(disk: Disk, path: string, model: Model) {
    this.#path = path;
    this.#files = openWeights(disk, path);
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

  /** One number that is none makes all of them so within a step: better said of its tensor than of the loss. */
  refuseNonNumbers(): void {
    const all = [...this.#byOwn.values()].flat();
    const faults = all.flatMap(({ found }) => nonNumberIn(found) ?? []);
    if (faults.length > 0) throw new CheckpointFault(firstOf(faults).join('\n'));
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
    if (faults.length > 0) throw new CheckpointFault(inLine(`${this.#path}: ${firstOf(faults).join('; ')}`));
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
