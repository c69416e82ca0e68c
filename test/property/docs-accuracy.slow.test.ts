/** The README's table of errors says of each suite what `angel-sim validate` says of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { expect, it } from 'vitest';
import { packageFile } from '../../src/cli/package-folder.ts';

const PAGE = packageFile('README.md');
const IS_UPDATE = process.env['UPDATE_DOCS'] === '1';
const said = execFileSync(process.execPath, [packageFile('dist/cli/main.js'), 'validate', '--worst', '0'], {
  encoding: 'utf8',
});

/** | name (`suite`) | rows | median error | bias | */
const ROW = /^\| (?<name>[^|]+ \(`(?<suite>[\w.-]+)`\) *)\|[^|]+\|[^|]+\|[^|]+\|$/gmu;

/** Of `suite  6 of 6  6.0 %  5.6 %  -6.0 %`: rows covered, median, bias; the first such line is that of step times. */
const figuresOf = (suite: string): string => {
  const [, count = '', median = '', bias = ''] =
    new RegExp(`(?:^|\\s)${suite} +(\\d+) of \\d+ +[\\d.]+ % +([\\d.]+ %) +([+-][\\d.]+ %)`, 'mu').exec(said) ?? [];
  return [count.padEnd(4), median.padEnd(12), bias.padEnd(7)].join(' | ');
};
const refreshed = (page: string): string =>
  page.replaceAll(ROW, (_row, name: string, suite: string) => `| ${name}| ${figuresOf(suite)} |`);

it('each suite that the README names has the errors that validate prints', () => {
  if (IS_UPDATE) writeFileSync(PAGE, refreshed(readFileSync(PAGE, 'utf8')));
  const page = readFileSync(PAGE, 'utf8');
  const suites = [...page.matchAll(ROW)].map(({ groups }) => groups!['suite']!);
  expect(suites).toContain('step');
  expect(suites.filter((suite) => !/\d %/u.test(figuresOf(suite)))).toEqual([]);
  expect(refreshed(page)).toBe(page);
});
