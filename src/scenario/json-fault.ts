/** Where a text stops being JSON: JSON.parse seldom says, and YAML's reader would let much of what JSON forbids pass. */
import type { Complaint } from './complaint.ts';
import type { Source } from './tree.ts';

/** Null when the text is JSON. */
export const jsonFault = ({ file, text }: Source): Complaint | null => {
  const offset = faultOffset(text);
  if (offset === null) return null;
  const before = text.slice(0, offset).split('\n');
  const found = text[offset];
  const fault = found === undefined ? 'the text ends too early' : `${JSON.stringify(found)} is out of place`;
  const place = { file, line: before.length, column: (before.at(-1) ?? '').length + 1 };
  return { ...place, path: '', message: `not JSON: ${fault}`, suggestion: null };
};

/** RFC 8259: one bracket, colon or comma, one string, or one number or literal, after white space. */
const TOKEN =
  /[\t\n\r ]*(?:([{}[\]:,])|("(?:[^"\\\p{Cc}]|[\u007F-\u009F]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/uy;

type Expected = 'value' | 'first item' | 'key' | 'first key' | 'colon' | 'comma or end';
type Kind = '{' | '[' | '}' | ']' | ':' | ',' | 'string' | 'scalar';

const VALUE = { '{': 'first key', '[': 'first item', string: 'comma or end', scalar: 'comma or end' } as const;
/** What each token makes us expect next; one that is not listed is out of place. After a comma it depends on the bracket. */
const NEXT: Readonly<Record<Expected, Readonly<Partial<Record<Kind, Expected>>>>> = {
  value: VALUE,
  'first item': { ...VALUE, ']': 'comma or end' },
  key: { string: 'colon' },
  'first key': { string: 'colon', '}': 'comma or end' },
  colon: { ':': 'value' },
  'comma or end': { '}': 'comma or end', ']': 'comma or end' },
};
const AFTER_COMMA: ReadonlyMap<Kind | undefined, Expected> = new Map([
  ['{', 'key'],
  ['[', 'value'],
]);
const OPENING: ReadonlyMap<Kind, Kind> = new Map([
  ['}', '{'],
  [']', '['],
]);

const faultOffset = (text: string): number | null => {
  const token = new RegExp(TOKEN);
  const open: Kind[] = [];
  let expected: Expected = 'value';
  let end = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const next = after(expected, kindOf(match), open);
    if (next === null) return skipSpace(text, match.index);
    expected = next;
    end = token.lastIndex;
  }
  const rest = skipSpace(text, end);
  return rest === text.length && expected === 'comma or end' && open.length === 0 ? null : rest;
};

const kindOf = ([, mark, string]: RegExpExecArray): Kind => {
  const kind = MARKS.find((known) => known === mark);
  return kind ?? (string === undefined ? 'scalar' : 'string');
};
const MARKS = ['{', '[', '}', ']', ':', ','] as const;

/** `open` holds the brackets around the token and is kept up to date. */
const after = (expected: Expected, kind: Kind, open: Kind[]): Expected | null => {
  if (kind === ',') return expected === 'comma or end' ? (AFTER_COMMA.get(open.at(-1)) ?? null) : null;
  const opening = OPENING.get(kind);
  if (opening !== undefined && open.pop() !== opening) return null;
  if (kind === '{' || kind === '[') open.push(kind);
  return NEXT[expected][kind] ?? null;
};

const skipSpace = (text: string, from: number): number => {
  let at = from;
  while (at < text.length && '\t\n\r '.includes(text.charAt(at))) at += 1;
  return at;
};
