/** YAML read into plain values that remember where each of them stands, so that a complaint can point at it. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, ErrorCode, Scalar, YAMLMap, YAMLParseError, YAMLSeq } from 'yaml';
import type { z } from 'zod';
import type { Complaint, Place } from './complaint.ts';
import { nearestName } from './nearest.ts';

/** A text and the name that complaints call it by. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export interface Tree {
  readonly value: unknown;
  /** Where the value begins. */
  readonly at: Place;
  /** Where its key begins; the value itself for the root and for items of a list. */
  readonly key: Place;
  /** The keys that lead here in its own file. */
  readonly path: string;
  /** The entries of a mapping, or the items of a list by their index; empty for anything else. */
  readonly children: ReadonlyMap<string, Tree>;
}

/** `tree` is null when the text could not be made sense of; the complaints then say why. */
export interface Reading {
  readonly tree: Tree | null;
  readonly complaints: readonly Complaint[];
}

export const readTree = (source: Source): Reading => {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const scribe: Scribe = {
    complaints: [],
    isLost: false,
    placeAt: (offset) => {
      const { line, col } = lines.linePos(Math.min(offset, source.text.length));
      return { file: source.file, line, column: col };
    },
  };
  const fault = NOT_TEXT.exec(source.text);
  if (fault !== null) giveUp(scribe, fault.index, 'this is not text: wanted UTF-8, with lines that end in LF or CR LF');
  else for (const error of document.errors) giveUpOnce(scribe, error);
  if (scribe.isLost) return { tree: null, complaints: scribe.complaints };
  const tree = readRoot(document, scribe);
  return { tree: scribe.isLost ? null : tree, complaints: scribe.complaints };
};

/** What is left of bytes that are no UTF-8, of UTF-16, of a binary file, or of line ends that YAML does not know. */
const NOT_TEXT = /[\0\uFFFD]|\r(?!\n)/u;

/** `base` with what `over` states in its stead, key by key; every part keeps the place it was written at. */
export const overlay = (base: Tree, over: Tree): Tree => {
  // Of a link the bandwidth alone may be given, bare or as a figure.
  if (!isRecord(over) || over.children.has('value'))
    return base.children.has('bandwidth') ? withChild(base, 'bandwidth', over) : over;
  if (!isRecord(base) || isOtherForm(base, over)) return over;
  const children = new Map(base.children);
  if (changesFigures(base, over)) for (const key of ORIGIN) children.delete(key);
  for (const [key, child] of over.children) {
    const below = children.get(key);
    children.set(key, below === undefined ? child : overlay(below, child));
  }
  return recordOf(over, children);
};

/** What says where the figures beside it come from; a new figure never borrows it from the old one. */
const ORIGIN = ['from', 'source', 'date', 'region'];
const changesFigures = (base: Tree, over: Tree): boolean =>
  base.children.has('from') && [...over.children.keys()].some((key) => !ORIGIN.includes(key));

/** A range of prices and a mix of ways to pay: what is written in one form cannot change what was written in the other. */
const FORMS = [
  ['low', 'high'],
  ['onDemand', 'reserved', 'spot', 'owned'],
] as const;
const isOtherForm = (base: Tree, over: Tree): boolean => {
  const [mine, its] = [formOf(over), formOf(base)];
  return mine !== -1 && its !== -1 && mine !== its;
};
/** A key with a slip in it belongs to the form that it was meant for. */
const formOf = ({ children }: Tree): number =>
  FORMS.findIndex((keys) =>
    keys.some((key) => [...children.keys()].some((written) => nearestName(written, [key]) === key)),
  );

export const withoutChild = (tree: Tree, key: string): Tree =>
  recordOf(tree, new Map([...tree.children].filter(([name]) => name !== key)));

/** The tree at the end of `path`, or the nearest one above it that was written. */
export const nearestAt = (tree: Tree, path: readonly PropertyKey[]): Tree => {
  const [first, ...rest] = path;
  const child = first === undefined ? undefined : tree.children.get(String(first));
  return child === undefined ? tree : nearestAt(child, rest);
};

/** What is written at `path`, read by itself; null when it is absent, or wrong and complained of elsewhere. */
export const readAt = <Value>(schema: z.ZodType<Value>, tree: Tree, path: string): NonNullable<Value> | null => {
  const found = nearestAt(tree, path.split('.'));
  const checked = found.path === path ? schema.safeParse(found.value) : undefined;
  return checked?.success === true ? (checked.data ?? null) : null;
};

/** Of keys (`experts.active`) that do not go together, the first that was written here and not in what the file builds upon. */
export const writtenHere = (tree: Tree, keys: readonly string[]): Tree => {
  const places = keys.map((key) => nearestAt(tree, key.split('.')));
  return places.find((place) => place !== tree && place.at.file === tree.at.file) ?? places[0] ?? tree;
};

export const isRecord = ({ value }: Tree): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const withChild = (tree: Tree, key: string, child: Tree): Tree =>
  recordOf(tree, new Map(tree.children).set(key, child));
const recordOf = (tree: Tree, children: ReadonlyMap<string, Tree>): Tree => ({
  ...tree,
  children,
  value: Object.fromEntries([...children].map(([name, child]) => [name, child.value])),
});

/** What the readers of nodes share: where an offset is, the complaints so far, and whether the text still makes sense. */
interface Scribe {
  readonly complaints: Complaint[];
  isLost: boolean;
  readonly placeAt: (offset: number) => Place;
}
const complain = (scribe: Scribe, offset: number, message: string, path = ''): void => {
  scribe.complaints.push({ ...scribe.placeAt(offset), path, message, suggestion: null });
};
const giveUp = (scribe: Scribe, offset: number, message: string, path = ''): void => {
  complain(scribe, offset, message, path);
  scribe.isLost = true;
};

/** Of the errors on a line only the first: the others follow from it. */
const giveUpOnce = (scribe: Scribe, { code, pos, message }: YAMLParseError): void => {
  const { line } = scribe.placeAt(pos[0]);
  if (scribe.complaints.some((known) => known.line === line)) return;
  giveUp(scribe, pos[0], PLAINER[code] ?? message);
};
/** What the reader of YAML says to programmers, said to the writer of the text. */
const PLAINER: Readonly<Partial<Record<ErrorCode, string>>> = {
  MULTIPLE_DOCS: 'a second document begins here; wanted one a file',
  RESOURCE_EXHAUSTION: 'this is nested too deeply to be read',
};

const readRoot = (document: Document.Parsed, scribe: Scribe): Tree =>
  readNode(document.contents, { path: '', key: scribe.placeAt(document.contents?.range[0] ?? 0) }, scribe);

/** `key` is where to point when the node itself stands nowhere: a key without a value. */
const readNode = (node: unknown, { path, key }: { path: string; key: Place }, scribe: Scribe): Tree => {
  const start = isNode(node) ? node.range?.[0] : undefined;
  const leaf = { at: start === undefined ? key : scribe.placeAt(start), key, path, children: new Map<string, Tree>() };
  if (isMap(node)) return recordOf({ ...leaf, value: {} }, new Map(readPairs(node, path, scribe)));
  if (isSeq(node)) {
    const children = new Map(readItems(node, path, scribe));
    return { ...leaf, children, value: [...children.values()].map((child) => child.value) };
  }
  if (isScalar(node) && !isPlain(node.value))
    giveUp(
      scribe,
      start ?? 0,
      `${tagOf(node)} makes something else of this than a text or a number; write it without`,
      path,
    );
  if (isAlias(node)) giveUp(scribe, start ?? 0, `*${node.source} is an alias; write the value itself`);
  return { ...leaf, value: isScalar(node) ? node.value : null };
};

/** Tags make bytes, dates and other things of what is written, which no key wants. */
const isPlain = (value: unknown): boolean => value === null || typeof value !== 'object';

/** As it is written. */
const tagOf = ({ tag }: Scalar): string => (tag ?? 'its tag').replace(/^tag:yaml\.org,2002:/u, '!!');

const readPairs = (map: YAMLMap, parent: string, scribe: Scribe): [string, Tree][] => {
  const seen = new Set<string>();
  return map.items.map((pair) => {
    const start = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    if (!isScalar(pair.key)) giveUp(scribe, start, 'a key must be a plain word');
    const name = isScalar(pair.key) ? String(pair.key.value) : '?';
    const path = parent === '' ? name : `${parent}.${name}`;
    if (seen.has(name)) complain(scribe, start, 'this key is written twice', path);
    seen.add(name);
    return [name, readNode(pair.value, { path, key: scribe.placeAt(start) }, scribe)];
  });
};
const readItems = (list: YAMLSeq, path: string, scribe: Scribe): [string, Tree][] =>
  list.items.map((item, index) => {
    const key = scribe.placeAt(isNode(item) ? (item.range?.[0] ?? 0) : 0);
    return [String(index), readNode(item, { path: `${path}.${index}`, key }, scribe)];
  });
