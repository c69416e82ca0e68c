/**
 * One report a scenario and one trace of messages, kept as they were when last looked at. A golden changes only in a
 * commit whose message says why the new one is truer: `UPDATE_GOLDEN=1 npx vitest run test/golden` writes them anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { libraryFor } from '../../src/cli/files.ts';
import type { Io } from '../../src/cli/io.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import type { TraceEntry } from '../../src/effects/trace.ts';
import { jobsOf } from '../../src/plan/explain.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { message } from '../../src/sim/message.ts';

const terminal = (lines: string[]): Io => {
  const sink = { write: (text: string) => void lines.push(text), isTerminal: false, columns: 100 };
  return {
    stdout: sink,
    stderr: sink,
    environment: {},
    folder: packageFile('.'),
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  };
};

const printed = async (...argv: string[]): Promise<string> => {
  const lines: string[] = [];
  await main(argv, terminal(lines));
  return lines.join('');
};

/** Messages between devices, in the order in which they were sent. */
const line = (entry: TraceEntry): string[] =>
  entry.kind === 'message' && entry.axis !== 'control'
    ? [`${entry.sent} ns  ${entry.from} -> ${entry.to}  ${entry.axis} ${entry.size} B  arrived ${entry.arrived} ns`]
    : [];

const messagesOf = (file: string): string => {
  const text = readFileSync(packageFile(file), 'utf8');
  const parsed = parseScenario({ file, text }, libraryFor(file, terminal([])));
  if (parsed.kind !== 'scenario') throw new Error(`${file} does not parse`);
  const [job] = jobsOf(parsed.scenario, {});
  return `${message(job!).trace.flatMap(line).join('\n')}\n`;
};

const GOLDENS: Readonly<Record<string, () => Promise<string> | string>> = {
  'gpt-13b-on-64-a100.txt': () => printed('plan', 'scenarios/runs/gpt-13b-on-64-a100.yaml', '--workers', '1'),
  'megatron-175b-korthikanti.txt': () => printed('simulate', 'scenarios/runs/megatron-175b-korthikanti.yaml'),
  'tiny-8.messages.txt': () => messagesOf('scenarios/runs/tiny-8.yaml'),
};

describe('what was looked at stays as it was', () => {
  it.each(Object.entries(GOLDENS))('%s', async (name, make) => {
    const file = new URL(name, import.meta.url);
    const text = await make();
    if (env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });
});
