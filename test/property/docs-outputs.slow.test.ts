/** The documents run: each command that one shows with its output is run, and what it prints is what the page says. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../src/cli/package-folder.ts';

const PAGES = ['README.md', 'docs/questions.md', 'docs/running.md', 'docs/conditions.md', 'docs/reliability.md'];
/** Set to write into the pages what the commands print now. */
const IS_UPDATE = process.env['UPDATE_DOCS'] === '1';

/** A block of output: what stands above it says which part of the command's output it shows. */
interface Pasted {
  readonly command: string;
  readonly shows: readonly string[];
  readonly text: string;
  /** Where the text stands in the page. */
  readonly start: number;
}

/**
 * `<!-- shows: step; time ... -->` and a block below it. The command is the last one above it.
 */
const BLOCK =
  /```\n(?:[^\n]*&& )?npx angel-sim (?<command>[^\n]+)\n```|<!-- shows: (?<shows>.+) -->\s+```\n(?<text>[^]*?)```/gu;

const pastedIn = (page: string): readonly Pasted[] => {
  let last = '';
  const found: Pasted[] = [];
  for (const { index, 0: all, groups = {} } of page.matchAll(BLOCK)) {
    const { command, shows = '', text = '' } = groups;
    if (command !== undefined) last = command;
    else
      found.push({
        command: last,
        shows: shows.split('; '),
        text,
        start: index + all.length - text.length - '```'.length,
      });
  }
  return found;
};

const printed = new Map<string, readonly string[]>();
const outputOf = (command: string): readonly string[] => {
  const known = printed.get(command);
  if (known !== undefined) return known;
  const argv = [packageFile('dist/cli/main.js'), ...command.split(' ')];
  const lines = execFileSync(process.execPath, argv, { cwd: packageFile('.'), encoding: 'utf8' })
    .trimEnd()
    .split('\n');
  printed.set(command, lines);
  return lines;
};

/**
 * The parts of an output that begin with the words given, in order, however they are spaced. Words alone show the line that
 * they begin and the indented ones that go on with it, `words ...` all lines up to an empty one, and `~` before them finds
 * words that stand further on in a line. What is left out between two parts is a line of three dots.
 */
const excerpt = (lines: readonly string[], shows: readonly string[]): string => {
  const shown: string[] = [];
  let next = 0;
  for (const part of shows) {
    const [, within = '', words = '', paragraph] = /^(~?)(.*?)( \.\.\.)?$/u.exec(part) ?? [];
    const begins = (line: string): boolean => (within === '' ? plain(line).startsWith(words) : line.includes(words));
    const start = lines.findIndex((line, index) => index >= next && begins(line));
    if (start === -1) throw new Error(`no line of the output begins with ${words}:\n${lines.join('\n')}`);
    if (start > next && lines.slice(next, start).some((line) => line !== '')) shown.push('...');
    else if (start > next && shown.length > 0) shown.push('');
    const isBeyond = (line: string): boolean => (paragraph === undefined ? !line.startsWith(' ') : line === '');
    const length = lines.slice(start + 1).findIndex(isBeyond);
    next = length === -1 ? lines.length : start + 1 + length;
    shown.push(...lines.slice(start, next));
  }
  if (next < lines.length) shown.push('...');
  return `${shown.join('\n')}\n`;
};

const plain = (line: string): string => line.trim().replaceAll(/ +/gu, ' ');

/** From the last block to the first, so that each stands where it was found. */
const updated = (page: string): string =>
  pastedIn(page).reduceRight(
    (text, { command, shows, text: { length }, start }) =>
      text.slice(0, start) + excerpt(outputOf(command), shows) + text.slice(start + length),
    page,
  );

describe.each(PAGES)('%s', (file) => {
  const path = packageFile(file);
  if (IS_UPDATE) {
    // Everything is run before the page is read again, for another test may write into it meanwhile.
    updated(readFileSync(path, 'utf8'));
    writeFileSync(path, updated(readFileSync(path, 'utf8')));
  }
  const blocks = pastedIn(readFileSync(path, 'utf8'));

  it('shows what commands print, each below its command', () => {
    expect(blocks).not.toEqual([]);
    expect(blocks.filter(({ command }) => command === '')).toEqual([]);
  });
  it.each(blocks)('shows what $command prints', ({ command, shows, text }) => {
    expect(text).toBe(excerpt(outputOf(command), shows));
  });
});
