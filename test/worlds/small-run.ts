/** A run that takes seconds, as a user would have it: a folder with a scenario, a model and a text, and the built command. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';

export const STEPS = 24;

const MODEL = `name: small
layers: 2
hidden: 32
heads: 2
positions: 16
vocabulary: 256
tied: true
dropout: false
source: made for tests
`;
const SCENARIO = `# A run of seconds.
model: model.yaml
cluster: local-cpu
devices: 2
workload: { sequence: 16, globalBatch: 8 }
layout: { tp: 1, pp: 1, dp: 2, microbatch: 4, schedule: 1f1b, zero: 1, sequenceParallel: false }
precision: fp32
recompute: none
memory: { offload: none }
software: { frameworkMemory: 64MiB, allocatorOverhead: 0% }
seed: 1
train: { steps: ${STEPS}, learningRate: 3e-3, warmup: 5, validation: { every: 12, batches: 2 } }
data: { tokenizer: bytes, text: text.txt, validation: 10% }
checkpoint: { folder: saved, every: 6, keep: all }
`;
const TEXT = Array.from({ length: 400 }, (_, line) => `Line ${line} of ${line ** 2} and little else.\n`).join('');

export interface Place {
  readonly folder: string;
  remove(): void;
}
export const place = (): Place => {
  const folder = mkdtempSync(join(tmpdir(), 'small-run-'));
  for (const [name, content] of Object.entries({ 'model.yaml': MODEL, 'run.yaml': SCENARIO, 'text.txt': TEXT }))
    writeFileSync(join(folder, name), content);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** What a run that nobody watches writes of how far it is. */
const LOG = /^(?:step [\d,]+ of [\d,]+: .*|checkpoint of step \d+ saved)\n/gmu;
/** All else that it has to say. */
const said = (err: string): string => err.replaceAll(LOG, '');

/** The built command in a process of its own, whose runtime is given `flags`. */
export const start = (folder: string, argv: readonly string[], flags: readonly string[] = []): Started => {
  const child = spawn(process.execPath, [...flags, packageFile('dist/cli/main.js'), ...argv], { cwd: folder });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, out, err: said(err) })),
  };
};
export const run = (folder: string, ...more: readonly string[]): Promise<Ended> =>
  start(folder, ['run', 'run.yaml', ...more]).ended;

/** The command in this process, for what is refused before a thread is started. */
export const refused = async (folder: string, ...argv: readonly string[]): Promise<Ended> => {
  let [out, err] = ['', ''];
  const code = await main(argv, {
    stdout: { write: (text) => void (out += text), isTerminal: false, columns: 80 },
    stderr: { write: (text) => void (err += text), isTerminal: false, columns: 80 },
    environment: {},
    folder,
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  });
  return { code, out, err };
};

/** Where a run keeps its checkpoints and its curve, so that several share a folder. */
export const into = (name: string): readonly string[] => ['--set', `checkpoint.folder=${name}-saved`, '-o', name];

const COUNTED = ['step', 'tokens', 'loss_nats', 'learning_rate', 'gradient_norm', 'validation_loss_nats'];

/** All that loss.csv says but how long it took, as it stands there. */
export const curve = (folder: string, name: string): readonly string[] => {
  const path = join(folder, name, 'loss.csv');
  if (!existsSync(path)) return [];
  const rows = readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(','));
  const columns = COUNTED.map((column) => rows[0]!.indexOf(column));
  return rows.slice(1).map((cells) => columns.map((column) => cells[column]).join(','));
};
export const losses = (folder: string, name: string): readonly number[] =>
  curve(folder, name).map((row) => Number(row.split(',')[2]));

const LOOK_MS = 2;
const LOOKS_MAX = 50_000;

/** Until the run has done that many steps. */
export const untilStep = async (folder: string, name: string, step: number): Promise<void> => {
  for (let looks = 0; curve(folder, name).length < step; looks++) {
    if (looks > LOOKS_MAX) throw new Error(`${name} has not come to step ${step}`);
    await delay(LOOK_MS);
  }
};
