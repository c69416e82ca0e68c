/** Laws of `compare` and `trace` on the command line: what is refused, what is written, and what the exit code says. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { compareSchema } from '../../src/report/compare-json.ts';
import { TIMELINE } from '../../src/report/trace/picture.ts';
import { traceSchema } from '../../src/report/trace-summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-worlds-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
const run = async (...argv: readonly string[]): Promise<Ended> => {
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
/** The built command: ranks are threads of built files. */
const built = (...argv: readonly string[]): Ended => {
  const command = [packageFile('dist/cli/main.js'), ...argv];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', cwd: folder });
  return { code: status, out: stdout, err: stderr };
};

const scenario = packageFile('scenarios/runs/tiny-gpt.yaml');
const small = [scenario, '--seq', '16', '--gbs', '4', '--microbatch', '2', '--set', 'train.validation=none'];
const timeline = join(folder, 't.json');
const eventsIn = (file: string): readonly unknown[] =>
  (JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: readonly unknown[] }).traceEvents;

describe('trace', () => {
  it('writes the simulated timeline, and says on stdout alone what is in it', async () => {
    const { code, out, err } = await run('trace', ...small, '-o', timeline, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { spans, messages, world } = traceSchema.parse(JSON.parse(out));
    expect(world).toBe('simulated');
    // Two marks and an arrow's two ends a message, beside the names and the lives.
    expect(eventsIn(timeline).length).toBeGreaterThan(spans + 4 * messages);
  });
  it('writes the real one, over its own, and leaves nothing beside it', async () => {
    const first = await run('trace', ...small, '-o', timeline);
    expect(first.code).toBe(0);
    const { code, out, err } = built('trace', ...small, '-o', 't.json', '--world', 'real', '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(traceSchema.parse(JSON.parse(out))).toMatchObject({ world: 'real', devices: 2, steps: 2 });
    expect(readFileSync(timeline, 'utf8')).toContain(TIMELINE);
    expect(readdirSync(folder).filter((name) => name.includes('t.json'))).toEqual(['t.json']);
  });
  it('leaves nothing behind when it is interrupted', async () => {
    const command = [
      packageFile('dist/cli/main.js'),
      'trace',
      ...small,
      '--world',
      'real',
      '--steps',
      '100',
      '-o',
      'i.json',
    ];
    const child = spawn(process.execPath, command, { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const partial = join(folder, `.i.json.${child.pid}`);
    while (!existsSync(partial)) await delay(5);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    expect(readdirSync(folder).filter((name) => name.includes('i.json'))).toEqual([]);
  });
  it('begins behind the steps that are skipped, at 0', async () => {
    const whole = await run('trace', ...small, '-o', timeline, '--steps', '3');
    const all = eventsIn(timeline) as readonly { ph: string; ts: number }[];
    const late = await run('trace', ...small, '-o', timeline, '--steps', '2', '--skip', '1');
    expect([whole.code, late.code]).toEqual([0, 0]);
    const shown = (eventsIn(timeline) as typeof all).filter(({ ph }) => ph !== 'M');
    expect(shown.length).toBeLessThan(all.filter(({ ph }) => ph !== 'M').length);
    expect(Math.min(...shown.map(({ ts }) => ts))).toBe(0);
  });
  it('overwrites nobody’s work', async () => {
    const letter = join(folder, 'letter.json');
    writeFileSync(letter, 'Dear reader');
    const { code, out, err } = await run('trace', ...small, '-o', letter);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain('letter.json');
    expect(readFileSync(letter, 'utf8')).toBe('Dear reader');
  });
  it('refuses a folder that is not there before it simulates anything', async () => {
    const { code, err } = await run('trace', ...small, '-o', join(folder, 'nowhere', 't.json'));
    expect(code).toBe(4);
    expect(err).toContain('there is no such folder');
  });
});

describe('compare', () => {
  it('finds the same messages and the same peaks, and ends with 0 or 5 as the tolerance of the step time says', () => {
    const asked = ['compare', ...small, '--steps', '2', '--skip', '1', '--json'];
    const lenient = built(...asked, '--tolerance', '1000000%');
    expect({ code: lenient.code, err: lenient.err }).toEqual({ code: 0, err: '' });
    const compared = compareSchema.parse(JSON.parse(lenient.out));
    expect(compared.agree).toEqual({ messages: true, memory: true, step: true, all: true });
    expect(compared.channels.messages).toBeGreaterThan(0);
    const strict = built(...asked, '--tolerance', '0%');
    expect(strict.code).toBe(5);
    expect(compareSchema.parse(JSON.parse(strict.out)).agree).toMatchObject({
      messages: true,
      memory: true,
      all: false,
    });
  });
  it('ends with 4 when a text is not there, and trains nothing', async () => {
    const { code, out, err } = await run('compare', ...small, '--set', 'data.text=[nowhere.txt]');
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain('nowhere.txt');
    expect(err).toContain('Nothing was compared.');
  });
});

describe('both', () => {
  it.each([
    ['of which there are several', ['--tp', '1,2', '--dp', '1,2'], 4, 'layouts are allowed; wanted one'],
    ['of too many ranks', ['--devices', '2048', '--dp', '2048', '--gbs', '4096'], 4, '2048 are too many'],
    ['that no rule allows', ['--zero', '2', '--pp', '2', '--dp', '1'], 3, 'ZeRO 2 does not go with a pipeline'],
  ])('refuse a layout %s', async (_, flags, code, words) => {
    const plain = [scenario, '--seq', '16'];
    const [gbs, microbatch] = [flags.includes('--gbs') ? [] : ['--gbs', '4'], ['--microbatch', '2']];
    for (const command of [['compare'], ['trace', '-o', join(folder, 'refused.json')]]) {
      const ended = await run(...command, ...plain, ...gbs, ...microbatch, ...flags);
      expect({ code: ended.code, out: ended.out }).toEqual({ code, out: '' });
      expect(ended.err).toContain(words);
    }
    expect(existsSync(join(folder, 'refused.json'))).toBe(false);
  });
  it('refuse a model that has no room on this machine, as run does, before anything of it is there', async () => {
    const asked = [scenario, '--model', 'llama-3-8b', '--seq', '16', '--gbs', '4', '--microbatch', '2'];
    const refusals = [];
    for (const command of [['compare'], ['trace', '--world', 'real', '-o', join(folder, 'refused.json')], ['run']])
      refusals.push(await run(...command, ...asked));
    for (const refusal of refusals) {
      expect(refusal).toEqual(refusals[0]);
      expect(refusal).toMatchObject({ code: 3, out: '' });
      expect(refusal.err).toMatch(/GiB more than the .* that a thread can have/u);
    }
    expect(existsSync(join(folder, 'refused.json'))).toBe(false);
  });
  it('show an example in their help', async () => {
    for (const command of ['compare', 'trace']) expect((await run(command, '--help')).out).toContain('xample');
  });
});
