/** Where names lead: the catalogues and the user's own files, given by the caller, because nothing here opens a file. */
import { complaintAt, show } from './issues.ts';
import { nearestName } from './nearest.ts';
import type { Reading, Source, Tree } from './tree.ts';
import { isRecord, overlay, readTree, withoutChild } from './tree.ts';

/** A catalogue: what `name` stands for, and the names it has. */
export interface Shelf {
  readonly names: readonly string[];
  readonly find: (name: string) => Source | null;
}

export interface Library {
  readonly models: Shelf;
  readonly clusters: Shelf;
  /** The config.json at `path`, or in the folder there, seen from the file that names it; null when there is none. */
  readonly read: (path: string, from: string) => Source | null;
}

/** What an entry says in full: a name is looked up, `{base: name, ...}` is laid over what the name stands for. */
export const expand = (
  tree: Tree,
  shelf: Shelf,
  { noun, seen = [] }: { readonly noun: string; readonly seen?: readonly string[] },
): Reading => {
  if (typeof tree.value === 'string') return lookUp(tree.value, tree, shelf, { noun, seen });
  if (!isRecord(tree)) return refused(tree, `${show(tree.value)} is not the name of a ${noun}, nor a mapping`);
  const base = tree.children.get('base');
  if (base === undefined) return { tree, complaints: [] };
  if (typeof base.value !== 'string') return refused(base, `${show(base.value)} is not the name of a ${noun}`);
  const below = lookUp(base.value, base, shelf, { noun, seen });
  if (below.tree === null) return below;
  return { tree: overlay(below.tree, named(withoutChild(tree, 'base'), base)), complaints: below.complaints };
};

/** What was changed gets a name that says so, unless it was given one. */
const named = (changes: Tree, base: Tree): Tree => {
  const keys = [...changes.children.keys()];
  if (keys.length === 0 || keys.includes('name')) return changes;
  const name = { ...base, value: `${String(base.value)} with its own ${keys.join(', ')}` };
  return { ...changes, children: new Map(changes.children).set('name', name) };
};

const lookUp = (
  name: string,
  tree: Tree,
  shelf: Shelf,
  { noun, seen }: { readonly noun: string; readonly seen: readonly string[] },
): Reading => {
  if (seen.includes(name)) return refused(tree, `${name} is based on itself: ${[...seen, name].join(' -> ')}`);
  const source = shelf.find(name);
  if (source === null) {
    if (/\.ya?ml$/u.test(name))
      return refused(tree, `${show(name)} is no file beside this one, nor in the working folder`);
    const nearest = nearestName(name, shelf.names);
    const known = nearest === null ? `; the catalogue has ${shelf.names.join(', ')}` : '';
    return refused(tree, `${show(name)} is not a ${noun} of the catalogue${known}`, nearest);
  }
  const read = readTree(source);
  if (read.tree === null) return read;
  const full = expand(read.tree, shelf, { noun, seen: [...seen, name] });
  return { tree: full.tree, complaints: [...read.complaints, ...full.complaints] };
};

const refused = (tree: Tree, message: string, suggestion: string | null = null): Reading => ({
  tree: null,
  complaints: [complaintAt(tree, message, { suggestion })],
});
