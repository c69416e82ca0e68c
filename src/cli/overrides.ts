/** Writes keys into the text of a scenario, touching nothing else, so that lines keep their numbers and comments their place. */
import { isMap, isScalar, parseDocument } from 'yaml';
import type { Pair, YAMLMap } from 'yaml';

/** `value` is YAML that fits on a line: `8`, `[1, 2]`, `{hf: config.json}`. */
export interface Override {
  readonly path: readonly string[];
  readonly value: string;
}

/** A text that is not YAML is left alone: the parser has a complaint for it. */
export const withOverrides = (text: string, overrides: readonly Override[]): string => overrides.reduce(write, text);

const write = (text: string, { path, value }: Override): string => {
  const document = parseDocument(text);
  if (document.errors.length > 0) return text;
  if (!isMap(document.contents))
    return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${nested(path, value)}\n`;
  return writeInto(document.contents, text, { path, value });
};

const writeInto = (map: YAMLMap, text: string, { path, value }: Override): string => {
  const [key = '', ...rest] = path;
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  if (pair === undefined) return insert(map, text, nested(path, value));
  if (rest.length === 0) return replace(pair, text, value);
  if (isMap(pair.value)) return writeInto(pair.value, text, { path: rest, value });
  // A catalogue entry by name is what an inline one with that base is.
  const base = CATALOGUES.includes(key) && isScalar(pair.value) ? `base: ${String(pair.value.value)}, ` : '';
  return replace(pair, text, `{${base}${nested(rest, value)}}`);
};

const CATALOGUES: readonly string[] = ['model', 'cluster'];

/** `layout: {tp: 8}` */
const nested = ([key = '', ...rest]: readonly string[], value: string): string =>
  `${key}: ${rest.length === 0 ? value : `{${nested(rest, value)}}`}`;

const replace = (pair: Pair, text: string, value: string): string => {
  const [start, end] = rangeOf(pair.value) ?? rangeOf(pair.key) ?? [0, 0];
  const before = text.slice(0, start);
  // A key without a value has an empty one right behind its colon.
  const gap = before.endsWith(':') ? ' ' : '';
  return before + gap + value + (text.slice(start, end).endsWith('\n') ? '\n' : '') + text.slice(end);
};

const insert = (map: YAMLMap, text: string, entry: string): string => {
  const last = map.items.at(-1);
  const [start = 0, end = 0] = rangeOf(map) ?? [];
  if (map.flow === true) {
    const at = last === undefined ? start + 1 : (endOf(last) ?? end);
    return `${text.slice(0, at)}${last === undefined ? '' : ', '}${entry}${text.slice(at)}`;
  }
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  const at = text.indexOf('\n', Math.max(0, (last === undefined ? end : (endOf(last) ?? end)) - 1));
  return at === -1 ? `${text}\n${indent}${entry}\n` : `${text.slice(0, at)}\n${indent}${entry}${text.slice(at)}`;
};

const endOf = ({ key, value }: Pair): number | undefined => (rangeOf(value) ?? rangeOf(key))?.[1];

type Range = readonly [number, number];
const rangeOf = (node: unknown): Range | undefined => {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const [start, end] = node.range as readonly number[];
  return start === undefined || end === undefined ? undefined : [start, end];
};
