/** Laws of hostile command lines and files: the exit code says whose mistake it was, and stdout stays empty. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, expect, test } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    stdout: { write: (text) => void out.push(text), isTerminal: false, columns: 100 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 100 },
    environment: {},
    folder,
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  });
  return { code, out: out.join(''), err: err.join('') };
};
/** The complaint of a command line that must fail with this code and say nothing on stdout. */
const refused = async (code: number, ...argv: readonly string[]): Promise<string> => {
  const ended = await run(...argv);
  expect({ code: ended.code, out: ended.out, argv }).toEqual({ code, out: '', argv });
  expect(ended.err).not.toMatch(/^\s+at |mistake is in angel-sim/mu);
  return ended.err;
};

const SCENARIO = `model: gpt3-350m
cluster: dgx-a100-80g
devices: 8
workload: {sequence: 1024, globalBatch: 64}
layout: {tp: 1, pp: 1, microbatch: 1, zero: 1}
recompute: none
`;
writeFileSync(join(folder, 'run.yaml'), SCENARIO);
mkdirSync(join(folder, 'config'));
const REST = ['--cluster', 'dgx-a100-80g', '--gpus', '8', '--seq', '128', '--gbs', '64'];
const flags = (model: readonly string[]): readonly string[] => ['simulate', ...model, ...REST];

test('flags that contradict each other are a mistake of usage that names both', async () => {
  expect(await refused(2, 'plan', 'run.yaml', '--gpus', '8', '--devices', '16')).toMatch(/--devices 16 and --gpus 8/u);
  expect(await refused(2, 'plan', 'run.yaml', '--gpus', '8', '--gpus', '16')).toContain('it was 8 before');
  expect(await refused(2, ...flags(['--hf', 'config', '--model', 'gpt3-350m']))).toMatch(/--model.* and --hf/u);
  expect(await refused(2, 'plan', 'run.yaml', '--set', 'seed=1', '--set', 'seed=2')).toContain('both set seed');
});

test('a value that is not YAML is a mistake of usage, and breaks no other line', async () => {
  for (const value of ['{', '[1,', '[8], seed: 3', '"'])
    expect(await refused(2, 'plan', 'run.yaml', '--set', `cluster.nic=${value}`)).toContain('the value is not YAML');
  for (const key of ['..=1', 'a..b=1', '=1', 'a='])
    expect(await refused(2, 'plan', 'run.yaml', '--set', key)).toContain('wanted key=value');
});

test('an axis to explain has a value that the axis can have, once', async () => {
  for (const axes of [
    'tp=-1',
    'tp=0',
    'tp=abc',
    'tp=2.0',
    'tp=1=2',
    'tp=1,tp=2',
    'schedule=1f1c',
    'zero=9',
    'precision=8',
  ])
    expect(await refused(2, 'plan', 'run.yaml', '--explain', axes)).toContain('error: --explain');
  expect((await run('plan', 'run.yaml', '--explain', 'tp=1,zero=1,schedule=1f1b,sequenceParallel=false')).code).toBe(0);
});

test('no more threads are asked for than could help', async () => {
  expect(await refused(2, 'plan', 'run.yaml', '--workers', '100000')).toContain('wanted a whole number, 1 to ');
});

test('the scenario that flags amount to is shown right or wrong, and a config.json takes the place of a model', async () => {
  const wrong = await run('plan', 'run.yaml', '--devices', '0', '--print-scenario');
  expect(wrong).toEqual({ code: 0, out: SCENARIO.replace('devices: 8', 'devices: 0'), err: '' });
  const { out } = await run('plan', 'run.yaml', '--hf', 'config', '--print-scenario');
  expect(out).toBe(SCENARIO.replace('gpt3-350m', '{hf: "config"}'));
});

test('what is no file, or too much of one, is bad input with its reason', async () => {
  expect(await refused(4, 'plan', folder)).toBe(`${folder}: this is a folder, wanted a file\n`);
  expect(await refused(4, 'plan', '')).toContain('this is a folder');
  expect(await refused(4, 'plan', 'rum.yaml')).toContain('did you mean run.yaml?');
  expect(await refused(4, ...flags(['--hf', 'run.yaml/config']))).toContain('is not a config.json');
  expect(await refused(4, ...flags(['--hf', 'config']))).toContain('is not a config.json');
  writeFileSync(join(folder, 'long.yaml'), `${SCENARIO}# ${'x'.repeat(2 ** 18)}`);
  expect(await refused(4, 'plan', 'long.yaml')).toContain('bytes wanted at most');
});

test.skipIf(process.platform === 'win32')('a device that never ends, or is no folder, is refused', async () => {
  expect(await refused(4, 'plan', '/dev/zero')).toContain('bytes wanted at most');
  expect(await refused(4, ...flags(['--hf', '/dev/null']))).toContain('is not a config.json');
});

test('a mark of the byte order is no part of a text', async () => {
  writeFileSync(join(folder, 'marked.yaml'), `\uFEFF${SCENARIO.replace('devices: 8', 'devices: 0')}`);
  expect(await refused(4, 'simulate', 'marked.yaml')).toMatch(/^marked\.yaml:3:10 devices: 0/u);
  const { name: _name, ...config } = { name: '', model_type: 'gpt2', n_embd: 64, n_layer: 2, n_head: 8 };
  const text = JSON.stringify({ ...config, n_positions: 128, vocab_size: 1024 });
  writeFileSync(join(folder, 'config', 'config.json'), `\uFEFF${text}`);
  const { code, err } = await run(...flags(['--hf', 'config']), '--tp', '1', '--pp', '1', '--zero', '1');
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

test.skipIf(process.platform !== 'linux')('an answer that cannot be written is said so in a line', () => {
  const script = `exec "${process.execPath}" "${packageFile('dist/cli/main.js')}" --help > /dev/full`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^angel-sim: the answer could not.*\n$/u),
  });
});
