/** Laws of `angel-sim trace` on the command line: each format where it was asked for, and refusals that say what was wanted. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { traceSchema } from '../../src/report/trace-summary.ts';
import { chakraIn } from '../worlds/chakra-reader.ts';
import { perfettoIn } from '../worlds/perfetto-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (...names: readonly string[]): string => join(folder, ...names);

interface Ended {
  readonly code: number;
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
const scenario = packageFile('scenarios/runs/tiny-gpt-2x2x2.yaml');
const small = [scenario, '--seq', '16', '--set', 'train.validation=none', '--steps', '1'];
const traced = (...argv: readonly string[]): Promise<Ended> => run('trace', ...small, ...argv);
const rankNames = (...ranks: readonly number[]): readonly string[] => ranks.map((rank) => `rank-${rank}.json`);

describe('trace', () => {
  it('writes each format, and says which', async () => {
    for (const [name, ...format] of [
      ['t.pftrace'],
      ['t.json'],
      ['kineto', '--format', 'kineto'],
      ['chakra/', '--format', 'chakra'],
    ] as const) {
      const { code, out, err } = await traced('-o', name, ...format, '--json');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const summary = traceSchema.parse(JSON.parse(out));
      expect(summary).toMatchObject({ file: name, ranks: 8, devices: 8, steps: 1 });
      expect(summary.collectives).toBeGreaterThan(0);
    }
    expect(perfettoIn(readFileSync(inFolder('t.pftrace'))).events.length).toBeGreaterThan(100);
    expect(readdirSync(inFolder('kineto'))).toEqual(expect.arrayContaining([...rankNames(0, 1, 2, 3, 4, 5, 6, 7)]));
    expect(chakraIn(readFileSync(inFolder('chakra', 'trace.7.et'))).nodes.length).toBeGreaterThan(10);
  });
  it('writes over its own files, and leaves none of an earlier trace beside them', async () => {
    expect((await traced('-o', 'own', '--format', 'kineto', '--ranks', '0-2')).code).toBe(0);
    expect((await traced('-o', 'own', '--format', 'kineto', '--ranks', '1,3')).code).toBe(0);
    expect(readdirSync(inFolder('own')).filter((name) => name.endsWith('.json'))).toEqual(rankNames(1, 3));
  });
  it('touches no folder of somebody else’s, and no file in its own that it did not write', async () => {
    mkdirSync(inFolder('letters'));
    writeFileSync(inFolder('letters', 'letter.txt'), 'Dear reader');
    const foreign = await traced('-o', 'letters', '--format', 'kineto');
    expect(foreign).toMatchObject({ code: 4, out: '' });
    expect(foreign.err).toContain('letters: holds files that were not written by this command');
    expect((await traced('-o', 'mixed', '--format', 'kineto', '--ranks', '0')).code).toBe(0);
    writeFileSync(inFolder('mixed', 'rank-1.json'), 'mine');
    const mixed = await traced('-o', 'mixed', '--format', 'kineto', '--ranks', '0-1');
    expect(mixed).toMatchObject({ code: 4, out: '' });
    expect(readFileSync(inFolder('mixed', 'rank-1.json'), 'utf8')).toBe('mine');
  });
  it('shows a window of some ranks: less than the whole, with what is held at its start', async () => {
    expect((await traced('-o', 'part.pftrace', '--ranks', '0,5', '--window', '10us..60us')).code).toBe(0);
    const { events, tracks } = perfettoIn(readFileSync(inFolder('part.pftrace')));
    const ranks = [...tracks.values()].filter(({ parent, uuid }) => parent === null && uuid !== 0);
    expect(ranks.map(({ name }) => name)).toEqual(['rank 0', 'rank 5']);
    expect(events.filter(({ at }) => at < 10_000 || at > 60_000)).toEqual([]);
    expect(events.some(({ type, at, value }) => type === 'counter' && at === 10_000 && value! > 0)).toBe(true);
  });
  it.each([
    [['-o', 't.txt'], 'wanted a name that ends in .pftrace or .json'],
    [['-o', 't.json', '--format', 'kineto'], 'wanted the name of a folder'],
    [['-o', 't.pftrace', '--ranks', '0-8'], 'there is no rank 8; wanted 0 to 7'],
    [['-o', 't.pftrace', '--ranks', 'all'], 'such as 0-7,16'],
    [['-o', 't.pftrace', '--window', '5ms..1ms'], 'such as 1ms..5ms'],
    [['-o', 'c', '--format', 'chakra', '--window', '1ms..2ms'], 'wanted whole steps'],
  ])('refuses %j before it simulates anything', async (argv, words) => {
    const { code, out, err } = await traced(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(words);
    expect(existsSync(inFolder('t.txt'))).toBe(false);
    expect(existsSync(inFolder('c'))).toBe(false);
  });
  it('writes no more files than anybody expects, unless they are asked for by rank', async () => {
    const many = [
      '--devices',
      '128',
      '--dp',
      '32',
      '--gbs',
      '64',
      '--microbatch',
      '1',
      '--format',
      'chakra',
      '-o',
      'many',
    ];
    const { code, out, err } = await traced(...many);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('would write 128 files; wanted --ranks');
    expect(existsSync(inFolder('many'))).toBe(false);
  });
  it('follows every message of 64 ranks', async () => {
    const wide = ['--devices', '64', '--dp', '16', '--gbs', '32', '--microbatch', '1', '-o', 'wide.pftrace', '--json'];
    const { code, out, err } = await traced(...wide);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(traceSchema.parse(JSON.parse(out))).toMatchObject({ devices: 64, ranks: 64 });
    const { events, tracks } = perfettoIn(readFileSync(inFolder('wide.pftrace')));
    const flows = events.flatMap(({ flows: ids }) => ids);
    expect(new Set(flows)).toEqual(new Set(events.flatMap(({ terminated }) => terminated)));
    expect([...tracks.values()].filter(({ name }) => /^rank \d+$/u.test(name))).toHaveLength(64);
  });
});
