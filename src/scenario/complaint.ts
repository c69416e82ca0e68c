/** What is wrong with a scenario, and exactly where. A reader gets every complaint at once, never the first alone. */

export interface Place {
  readonly file: string;
  /** Lines and columns count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Complaint extends Place {
  /** The keys that lead there, `layout.tp`; empty when the text could not be read at all. */
  readonly path: string;
  readonly message: string;
  /** What was probably meant; null when nothing comes near. */
  readonly suggestion: string | null;
}

/** A complaint by its key alone: whoever has read the file knows the place. */
export type Finding = Omit<Complaint, keyof Place>;

/** As `run.yaml:5:14 layout.tp: 3 does not divide 8 heads (did you mean 4?)`. */
export const printComplaint = ({ file, line, column, path, message, suggestion }: Complaint): string => {
  const hint = suggestion === null ? '' : ` (did you mean ${suggestion}?)`;
  return inLine(`${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}${hint}`);
};

/** On one line, and without what a terminal would take for an order: anything may stand in a file. */
export const inLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

/** In reading order, each once: one mistake may be noticed by several checks. */
export const inReadingOrder = (complaints: readonly Complaint[]): readonly Complaint[] => {
  const byText = new Map(complaints.map((complaint) => [printComplaint(complaint), complaint]));
  return [...byText.values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.path, b.path),
  );
};

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
