/** Where a value stands in a JSON text: looked for only once something is wrong with it, in texts of any length. */

/** The keys and indices that lead to a value. */
export type JsonPath = readonly (string | number)[];

/** What is written there, and where it begins; lines and columns count from 1. */
export interface JsonPlace {
  readonly line: number;
  readonly column: number;
}

/** Of a text that is JSON, and has such a value: of a key that stands there twice, the last one counts. */
export const jsonPlace = (text: string, path: JsonPath): JsonPlace => {
  const before = text.slice(0, offsetOf(text, path)).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
};

const TOKEN = /[{}[\]:,]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\]:,"]+/gu;

/** A bracket that is open, and the key or index of the value that comes next in it. */
interface Open {
  readonly isList: boolean;
  key: string | number;
}

const offsetOf = (text: string, path: JsonPath): number => {
  const open: Open[] = [];
  let [found, last] = [0, ''];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const inside = open.at(-1);
    if (inside !== undefined && isKey(inside, token, last)) inside.key = String(JSON.parse(token));
    else if (MARKS.includes(token)) goOn(open, token);
    else {
      if (isAt(open, path)) found = index;
      if (BRACKETS.includes(token)) open.push({ isList: token === '[', key: 0 });
    }
    last = token;
  }
  return found;
};

/** What begins a value with values in it, and what begins none. */
const BRACKETS = ['{', '['];
const MARKS = ['}', ']', ':', ','];

const goOn = (open: Open[], mark: string): void => {
  const inside = open.at(-1);
  if (mark === '}' || mark === ']') open.pop();
  else if (mark === ',' && inside?.isList === true) inside.key = Number(inside.key) + 1;
};

const isKey = ({ isList }: Open, token: string, last: string): boolean =>
  !isList && token !== '}' && (last === '{' || last === ',');

const isAt = (open: readonly Open[], path: JsonPath): boolean =>
  open.length === path.length && open.every(({ key }, depth) => key === path[depth]);
