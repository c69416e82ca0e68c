/** Rules of the house that no linter knows. A complaint names the file and what to do instead. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

const LINES_MAX = 300;
const DECISION_LINES_MAX = 40;
const OPENING = /^(#!.*\n)?\/\*\*\s+(\*\s+)?\S/;
/** Names that say nothing of what a file holds. */
const EMPTY_NAMES = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'manager',
  'base',
  'data',
  'info',
  'misc',
]);

/** What a source line must not contain, and what it should say instead. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/@ts-(ignore|nocheck)/, '@ts-expect-error with the reason'],
  [/\b(TODO|FIXME|XXX)\b/, 'an issue, or the thing itself'],
  [/\b(it|test|describe)\.(skip|only|todo)\b/, 'a test that runs, or none'],
  [/\benum [A-Z]/, 'a union of string literals, or readonly interfaces on `kind`'],
  [/^export \* from|^export \{[^}]*\} from/, 'an import of the file that defines the thing'],
  [/^(export )?let /, 'a variable of the function that owns it'],
  [/\bif \((isSimulat|simulat)/, 'an effect with two handlers'],
  [/(oxlint|eslint)-disable(?!.* -- \S)/, 'the reason, after ` -- `'],
];

interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
  readonly text: string;
}

const fileAt = (path: string): SourceFile => {
  const text = readFileSync(path, 'utf8');
  return { path, lines: text.trimEnd().split('\n'), text };
};
const filesOf = (folder: string, extension: RegExp): SourceFile[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name))
    .map((name) => fileAt(`${folder}/${name}`));

const banned = ({ path, lines }: SourceFile): string[] =>
  lines.flatMap((line, index) =>
    BANNED.filter(([pattern]) => pattern.test(line)).map(
      ([pattern, instead]) => `${path}:${index + 1} matches ${String(pattern)}: write ${instead}`,
    ),
  );

const shape = ({ path, lines, text }: SourceFile): string[] => {
  const found: string[] = [];
  if (!OPENING.test(text)) found.push(`${path}: open with a /** sentence */ on what the file is for`);
  if (lines.length > LINES_MAX)
    found.push(`${path}: ${lines.length} lines, look for a second noun (${LINES_MAX} at most)`);
  const name = basename(path).replace(/[.].*$/, '');
  if (EMPTY_NAMES.has(name) || name === 'index') found.push(`${path}: name the file for the noun it holds`);
  return found;
};

const SOURCES = [
  ...['src', 'test', 'examples'].flatMap((folder) => filesOf(folder, /[.]ts$/)),
  ...filesOf('bench', /[.]mjs$/),
];
/** Not this file, which spells out what it bans, nor the worker's entry, whose whole purpose is to pass a function on. */
const GUARDED = SOURCES.filter(({ path }) => path !== 'test/tidy.test.ts' && path !== 'src/cli/search-worker.ts');

test('every source file opens with its sentence, has a name that says something and is no longer than 300 lines', () => {
  expect(SOURCES.length).toBeGreaterThan(0);
  expect(SOURCES.flatMap(shape)).toEqual([]);
});

test('no source line holds what the house has a better word for', () => {
  expect(GUARDED.flatMap(banned)).toEqual([]);
});

test('a decision is numbered in order, asks, chooses, names its rival and says what would change it, in 40 lines', () => {
  const decisions = filesOf('docs/decisions', /[.]md$/).toSorted((a, b) => a.path.localeCompare(b.path));
  expect(decisions.length).toBeGreaterThan(0);
  expect(decisions.map(({ path }) => basename(path).slice(0, 4))).toEqual(
    decisions.map((_, index) => String(index + 1).padStart(4, '0')),
  );
  for (const { path, lines, text } of decisions) {
    expect(lines.length, path).toBeLessThanOrEqual(DECISION_LINES_MAX);
    for (const part of ['**Question.**', '**Choice.**', '**Rival.**', '**What would change it.**'])
      expect(text, path).toContain(part);
  }
});

const DOCUMENTS = [...filesOf('docs', /[.]md$/), ...['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'].map(fileAt)];
const NAMED_FILE = /(?<![\w/.<-])(?:[\w.-]+\/)+[\w.-]+[.](?:ts|mjs|cjs|yaml|jsonl|md)\b/g;

test('every file that a document names exists', () => {
  const missing = DOCUMENTS.flatMap(({ path, text }) =>
    [...text.matchAll(NAMED_FILE)]
      .map(([name]) => name)
      .filter((name) => !existsSync(name) && !existsSync(`src/${name}`) && !name.startsWith('path/to/'))
      .map((name) => `${path} names ${name}`),
  );
  expect(missing).toEqual([]);
});

test('every folder of src/ has its place on the map, and the map has no other', () => {
  const { text } = fileAt('ARCHITECTURE.md');
  const drawn = [...text.matchAll(/^\| \d+ +\| `(\w+)\/`/gm)].map(([, folder]) => String(folder));
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const built = folders.map(({ name }) => name).filter((name) => readdirSync(`src/${name}`).length > 0);
  expect(drawn.toSorted()).toEqual(built.toSorted());
});
