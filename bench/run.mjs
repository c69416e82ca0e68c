/** Runs the benches whose name holds one of the words given (all of them without words) and keeps what they measured. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { argv, version } from 'node:process';
import { measure } from './measure.mjs';

const folder = new URL('.', import.meta.url);
const git = (...words) => execFileSync('git', words, { cwd: folder, encoding: 'utf8' }).trim();

const words = argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.bench.mjs') && (words.length === 0 || words.some((word) => name.includes(word))))
  .toSorted();
if (files.length === 0) throw new Error(`no bench in bench/ has a name with ${words.join(' or ')} in it`);

const machine = {
  date: new Date().toISOString().slice(0, 10),
  commit: git('describe', '--always', '--dirty', '--exclude=*'),
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  node: version,
};

const line = ({ metric, value, unit, ratio, baseline }) =>
  `${metric.padEnd(48)} ${String(value).padStart(10)} ${unit.padEnd(12)} ${ratio.toFixed(2).padStart(8)} x ${baseline}`;

for (const file of files) {
  // A file has one bench or several.
  const { bench } = await import(new URL(file, folder).href);
  for (const one of [bench].flat()) {
    const rows = await measure(one);
    console.log(rows.map(line).join('\n'));
    const kept = rows.map((row) => `${JSON.stringify({ ...machine, ...row })}\n`);
    appendFileSync(new URL('history.jsonl', folder), kept.join(''));
  }
}
