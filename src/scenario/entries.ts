/** Models and clusters: by name, from a Hugging Face config, inline, or as changes to a named one. */
import type { z } from 'zod';
import { clusterContradictions, clusterFrom, clusterSchema } from './cluster-schema.ts';
import type { Cluster } from './cluster.ts';
import type { Complaint } from './complaint.ts';
import { modelFromHuggingFace } from './hugging-face.ts';
import { complaintAt, complaintsAbout, show } from './issues.ts';
import type { Library } from './library.ts';
import { expand } from './library.ts';
import { modelContradictions } from './model-contradictions.ts';
import { modelFrom, modelSchema } from './model-schema.ts';
import type { Model } from './model.ts';
import type { Reading, Source, Tree } from './tree.ts';
import { readTree } from './tree.ts';

/** `value` is null when it could not be made out; the complaints then say why. */
export interface Entry<Value> {
  readonly value: Value | null;
  readonly complaints: readonly Complaint[];
}

/** A model as YAML says it: a name alone, `{hf: path}`, `{base: name, ...}`, or in full. */
export const parseModel = (source: Source, library: Library): Entry<Model> =>
  fromReading(readTree(source), (tree) => modelEntry(tree, library));

/** A cluster as YAML says it: a name alone, `{base: name, ...}`, or in full. */
export const parseCluster = (source: Source, library: Library): Entry<Cluster> =>
  fromReading(readTree(source), (tree) => clusterEntry(tree, library));

export const modelEntry = (tree: Tree, library: Library): Entry<Model> => {
  const path = tree.children.get('hf');
  if (path !== undefined) return huggingFaceEntry(tree, path, library);
  return fromReading(expand(tree, library.models, { noun: 'model' }), (full) =>
    parsed(full, {
      schema: modelSchema,
      make: modelFrom,
      contradictions: modelContradictions,
    }),
  );
};

export const clusterEntry = (tree: Tree, library: Library): Entry<Cluster> =>
  fromReading(expand(tree, library.clusters, { noun: 'cluster' }), (full) =>
    parsed(full, { schema: clusterSchema, make: clusterFrom, contradictions: clusterContradictions }),
  );

const huggingFaceEntry = (tree: Tree, path: Tree, library: Library): Entry<Model> => {
  const others = [...tree.children.keys()].filter((key) => key !== 'hf');
  if (others.length > 0)
    return refused(tree, `${others.join(', ')} cannot stand beside hf: the config.json is the whole model`);
  if (typeof path.value !== 'string') return refused(path, `${show(path.value)} is not the path of a config.json`);
  const source = library.read(path.value, tree.at.file);
  if (source === null) return refused(path, `${show(path.value)} is not a config.json, nor a folder with one`);
  const reading = modelFromHuggingFace(source);
  return reading.kind === 'model'
    ? { value: reading.model, complaints: [] }
    : { value: null, complaints: reading.complaints };
};

const refused = (tree: Tree, message: string): Entry<never> => ({
  value: null,
  complaints: [complaintAt(tree, message)],
});

const fromReading = <Value>({ tree, complaints }: Reading, make: (tree: Tree) => Entry<Value>): Entry<Value> => {
  if (tree === null) return { value: null, complaints };
  const entry = make(tree);
  return { ...entry, complaints: [...complaints, ...entry.complaints] };
};

interface Kind<Written, Value> {
  readonly schema: z.ZodType<Written>;
  readonly make: (written: Written) => Value;
  readonly contradictions: (value: Value, tree: Tree) => readonly Complaint[];
}
const parsed = <Written, Value>(tree: Tree, { schema, make, contradictions }: Kind<Written, Value>): Entry<Value> => {
  const checked = schema.safeParse(tree.value);
  if (!checked.success) return { value: null, complaints: complaintsAbout(checked.error, tree) };
  const value = make(checked.data);
  const complaints = contradictions(value, tree);
  // What contradicts itself would only cause complaints about what depends on it.
  return { value: complaints.length > 0 ? null : value, complaints };
};
