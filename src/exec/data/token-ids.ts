/** The ids of a tokenizer.json, checked before a text is read: what is no id would be trained on as some other token. */
import { inLine } from '../../scenario/complaint.ts';
import { show } from '../../scenario/issues.ts';
import type { JsonPath } from './json-place.ts';
import { jsonPlace } from './json-place.ts';

/** Tokens are whole numbers of 32 bits, one of them for the sign. */
const ID_MAX = 2 ** 31 - 1;
const FAULTS_MAX = 10;

interface Listed {
  readonly path: JsonPath;
  readonly id: unknown;
}

/** Every id that is none, with its place; empty when all are. `text` is what `tables` were read from. */
export const idFaults = (
  tables: object,
  { file, text }: { readonly file: string; readonly text: string },
): string[] => {
  const odd = [...vocabularyIds(tables), ...addedIds(tables)].filter(({ id }) => !isId(id));
  const faults = odd.slice(0, FAULTS_MAX).map(({ path, id }) => {
    const { line, column } = jsonPlace(text, path);
    return inLine(
      `${file}:${line}:${column} ${named(path)}: ${shown(id)} is no id (whole numbers from 0 to ${ID_MAX})`,
    );
  });
  return odd.length > FAULTS_MAX ? [...faults, inLine(`${file}: ${odd.length} ids are none in all`)] : faults;
};

const isId = (id: unknown): boolean => typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= ID_MAX;

/** A text in quotes: the number in it is none. */
const shown = (id: unknown): string => (typeof id === 'string' || id === null ? JSON.stringify(id) : show(id));

/** `model.vocab."1"`: a token may be anything. */
const named = (path: JsonPath): string => {
  const token = path.length === 3 && path[0] === 'model' ? path[2] : undefined;
  return token === undefined ? path.join('.') : `model.vocab.${JSON.stringify(token)}`;
};

/** A list of tokens has their ids in its order. */
const vocabularyIds = (tables: object): readonly Listed[] => {
  const vocabulary = at(at(tables, 'model'), 'vocab');
  if (typeof vocabulary !== 'object' || vocabulary === null || Array.isArray(vocabulary)) return [];
  return Object.entries(vocabulary).map(([token, id]) => ({ path: ['model', 'vocab', token], id }));
};

const addedIds = (tables: object): readonly Listed[] => {
  const added = at(tables, 'added_tokens');
  if (!Array.isArray(added)) return [];
  return added.map((token, index) => ({ path: ['added_tokens', index, 'id'], id: at(token, 'id') }));
};

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
