/** The text of a rows file to rows, or to every complaint about it at once. */
import type { Complaint } from '../scenario/complaint.ts';
import { jsonFault } from '../scenario/json-fault.ts';
import type { Row } from './row.ts';
import { ROW } from './row.ts';

export interface RowsFile {
  readonly rows: readonly Row[];
  readonly complaints: readonly Complaint[];
}

/** Blank lines are skipped; a line that is no row is a complaint and never a silent gap. */
export const parseRows = (text: string, file: string): RowsFile => {
  const rows: Row[] = [];
  const complaints: Complaint[] = [];
  text.split(/\r?\n/).forEach((content, index) => {
    if (content.trim() === '') return;
    const parsed = parseLine(content, { file, line: index + 1 });
    if (parsed.kind === 'row') rows.push(parsed.row);
    else complaints.push(...parsed.complaints);
  });
  if (rows.length === 0 && complaints.length === 0)
    complaints.push({ ...place(file, 1), message: 'no rows: wanted one JSON object a line' });
  return { rows, complaints };
};

type Line =
  { readonly kind: 'row'; readonly row: Row } | { readonly kind: 'complaints'; readonly complaints: Complaint[] };

const parseLine = (content: string, at: { file: string; line: number }): Line => {
  const here = place(at.file, at.line);
  const fault = jsonFault({ file: at.file, text: content });
  if (fault !== null) return { kind: 'complaints', complaints: [{ ...fault, line: at.line }] };
  const checked = ROW.safeParse(JSON.parse(content));
  if (checked.success) return { kind: 'row', row: checked.data };
  const complaints = checked.error.issues.map(({ path, message }) => ({
    ...here,
    column: keyColumn(content, path.at(-1)),
    path: path.join('.'),
    message,
  }));
  return { kind: 'complaints', complaints };
};

const place = (file: string, line: number): Omit<Complaint, 'message'> => ({
  file,
  line,
  column: 1,
  path: '',
  suggestion: null,
});

const keyColumn = (content: string, key: PropertyKey | undefined): number =>
  typeof key === 'string' ? Math.max(0, content.indexOf(`"${key}"`)) + 1 : 1;
