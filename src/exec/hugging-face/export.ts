/** Writes a model as the transformers library reads it: config.json, model.safetensors, and a tokenizer's files. */
import { basename, dirname } from 'node:path';
import type { Model } from '../../scenario/model.ts';
import type { Disk, Written } from '../checkpoint/disk.ts';
import { CheckpointFault, inWords } from '../checkpoint/fault.ts';
import type { FloatType } from '../checkpoint/floats.ts';
import { fromFloats } from '../checkpoint/floats.ts';
import { wholeRun } from '../checkpoint/ranges.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import { SafetensorsWriter } from '../checkpoint/safetensors-file.ts';
import type { Correspondence } from './correspondence.ts';
import { publishedFrom } from './correspondence.ts';
import { familyOf } from './families.ts';
import type { Extent, Family } from './family.ts';
import { FolderInTheMaking } from './folder-in-the-making.ts';

export interface Exported {
  readonly model: Model;
  /** What the weights are read from: a checkpoint, as a rule. */
  readonly source: StatesSource;
  readonly extent: Extent;
  /** The format that the weights were trained in: they are the same there, bit for bit. */
  readonly type: FloatType;
  /** Files that go with it as they are, by name: those of the tokenizer. */
  readonly beside: ReadonlyMap<string, Uint8Array>;
}

const TYPE_NAMES: Readonly<Record<FloatType, string>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/** The folder is there at once with all that belongs in it, or not at all; what is there already stays as it is. */
export const exportModel = (disk: Disk, path: string, exported: Exported): void => {
  const family = familyOf(exported.model);
  if (disk.list(dirname(path)).includes(basename(path)))
    throw new CheckpointFault(`${path} is there already: it stays as it is`);
  const room = new FolderInTheMaking(disk, path);
  try {
    room.begin();
    room.write('config.json', Buffer.from(configText(family, exported)));
    for (const [name, bytes] of exported.beside) room.write(name, bytes);
    writeWeights(room.create(WEIGHTS), { family, exported });
    room.publish();
  } catch (error) {
    room.drop();
    throw inWords(error, `${path} cannot be written`);
  }
};

export const WEIGHTS = 'model.safetensors';

/** Newer releases of the library say `dtype`, older ones `torch_dtype`; each passes over what it does not know. */
const configText = ({ name, className, config }: Family, { model, extent, type }: Exported): string => {
  const settings = {
    architectures: [className],
    model_type: name,
    ...config(model, extent),
    dtype: TYPE_NAMES[type],
    torch_dtype: TYPE_NAMES[type],
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
};

const writeWeights = (
  file: Written,
  { family, exported }: { readonly family: Family; readonly exported: Exported },
): void => {
  const { model, source, type } = exported;
  try {
    const all = family.weights(model);
    const plans = all.map(({ published, shape }) => ({ name: published, type, shape }));
    // The library asks a file which framework it is of.
    const writer = new SafetensorsWriter(file, plans, { format: 'pt' });
    const wholeOf = lastWhole(source);
    for (const one of all) writer.write(fromFloats(publishedFrom(wholeOf(one), one), type));
    writer.end();
  } finally {
    file.close();
  }
};

/** Queries, keys and values follow one another, and are of one tensor: it is read once. */
const lastWhole = (source: StatesSource): ((one: Correspondence) => Float32Array) => {
  let last = { name: '', values: new Float32Array() };
  return ({ own, ownShape }) => {
    if (last.name === own) return last.values;
    const run = wholeRun(own, ownShape);
    const values = new Float32Array(run.length);
    source.read('weight', run, values);
    last = { name: own, values };
    return values;
  };
};
