/** Tables of a terminal: columns aligned by what is seen, no line wider than the page. */
import stringWidth from 'string-width';

/** Columns of a page. Wider lines break in many terminals, in logs and in mail. */
export const PAGE_WIDTH = 100;
/** Below this a wrapped column is no longer readable, and the table may run over the page instead. */
const NARROWEST = 20;

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}
export type Row = readonly string[];

export const left = (title: string): Column => ({ title, align: 'left' });
export const right = (title: string): Column => ({ title, align: 'right' });

/** The lines of a table under its titles. The last column wraps when it is text; gaps shrink before anything runs over. */
export const table = (columns: readonly Column[], rows: readonly Row[]): readonly string[] => {
  const cells = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_column, index) => Math.max(...cells.map((row) => stringWidth(row[index] ?? ''))));
  const gap = total(widths) + 2 * (columns.length - 1) <= PAGE_WIDTH ? 2 : 1;
  const before = total(widths.slice(0, -1)) + gap * (columns.length - 1);
  const room = Math.max(NARROWEST, PAGE_WIDTH - before);
  return cells.flatMap((row) => lines(row, { columns, widths, gap, before, room }));
};

/** Words of `text` in lines of at most `width` columns. A word wider than that stays whole: a cut number is a wrong number. */
export const wrap = (text: string, width: number): readonly string[] => {
  const wrapped: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || stringWidth(longer) <= width) line = longer;
    else {
      wrapped.push(line);
      line = word;
    }
  }
  return [...wrapped, line];
};

/** A paragraph after a label in the margin: the label once, the text beside it. */
export const beside = (label: string, text: string, margin: number): readonly string[] =>
  wrap(text, PAGE_WIDTH - margin).map((line, index) => pad(index === 0 ? label : '', margin, 'left') + line);

interface Frame {
  readonly columns: readonly Column[];
  readonly widths: readonly number[];
  readonly gap: number;
  readonly before: number;
  readonly room: number;
}

const lines = (row: Row, { columns, widths, gap, before, room }: Frame): readonly string[] => {
  const last = columns.length - 1;
  const wraps = columns[last]?.align === 'left' && (widths[last] ?? 0) > room;
  const [first = '', ...more] = wraps ? wrap(row[last] ?? '', room) : [row[last] ?? ''];
  const shown = columns.map(({ align }, index) =>
    pad(index === last ? first : (row[index] ?? ''), widths[index] ?? 0, align),
  );
  return [shown.join(' '.repeat(gap)).trimEnd(), ...more.map((line) => ' '.repeat(before) + line)];
};

const pad = (text: string, width: number, align: Column['align']): string => {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return align === 'left' ? text + space : space + text;
};

const total = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0);
