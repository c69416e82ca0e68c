/** Laws of runs that last, and of those that the disk or the numbers end: nothing grows, nothing is left over, nothing is lost. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../src/cli/package-folder.ts';
import type { runSchema } from '../../src/report/run-json.ts';
import type { z } from 'zod';
import { curve, into, losses, place, run, start, STEPS, untilStep } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
afterAll(() => here.remove());

const FOUR = ['--devices', '4', '--tp', '2', '--gbs', '4', '--microbatch', '2'];
const THOUSAND = 1000;
const LONG = [
  '--set',
  `train.steps=${THOUSAND}`,
  '--set',
  'train.validation={every: 100, batches: 1}',
  '--set',
  'checkpoint.every=100',
  '--json',
];
/** Every thread collects its garbage when there is a little of it, so that what grows is not garbage. */
const TIDY = ['--max-semi-space-size=1', '--max-old-space-size=64'];
/** What a process may take more at the end than once it is warm: six threads have some garbage all the same. */
const GARBAGE = 32 * 2 ** 20;

interface Size {
  readonly resident: number;
  readonly threads: number;
}
/** Of a process as the system sees it, where it says so. */
const sizeOf = (id: number): Size | null => {
  const path = `/proc/${id}/status`;
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  const number = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+)`, 'u').exec(text)?.[1]);
  return { resident: 1024 * number('VmRSS'), threads: number('Threads') };
};

describe('a thousand steps at four ranks', () => {
  it('take no more memory or threads than a few, and end by themselves', async () => {
    const few = await run(folder, ...into('few'), ...FOUR, ...LONG, '--steps', '20');
    const words = ['run', 'run.yaml', ...into('many'), ...FOUR, ...LONG, '--steps', String(THOUSAND)];
    const many = start(folder, words, TIDY);
    await untilStep(folder, 'many', 0.3 * THOUSAND);
    const warm = sizeOf(many.child.pid!);
    await untilStep(folder, 'many', 0.95 * THOUSAND);
    const late = sizeOf(many.child.pid!);
    const ended = await many.ended;
    expect({ few: few.code, many: ended.code, err: few.err + ended.err }).toEqual({ few: 0, many: 0, err: '' });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- that it is what the schema says has a test of its own
    const held = ({ out }: { out: string }) =>
      (JSON.parse(out) as z.infer<typeof runSchema>).ranks.map((rank) => rank.held_bytes);
    expect(held(ended)).toEqual(held(few));
    if (warm !== null && late !== null) {
      expect(late.threads).toBe(warm.threads);
      expect(late.resident - warm.resident).toBeLessThan(GARBAGE);
    }
    const all = losses(folder, 'many');
    expect(all).toHaveLength(THOUSAND);
    expect(all.at(-1)).toBeLessThan(2);
  });
});

describe('a run that cannot save', () => {
  /** In a shell that lets no file grow past so many blocks of 512 or 1024 bytes: as on a full disk, a write fails half-way. */
  const limited = (blocks: number, name: string): ReturnType<typeof spawnSync> => {
    const words = [packageFile('dist/cli/main.js'), 'run', 'run.yaml', ...into(name)];
    const command = `ulimit -f ${blocks}; exec "$0" "$@"`;
    return spawnSync('bash', ['-c', command, process.execPath, ...words], { cwd: folder, encoding: 'utf8' });
  };
  it('says so, keeps its curve, leaves nothing half-written, and goes on once there is room', async () => {
    const { status, stdout, stderr } = limited(64, 'full');
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(
      /^error: rank \d: .*step-000006\.partial: rank \d cannot store its part; there is no earlier/mu,
    );
    expect(existsSync(join(folder, 'full-saved'))).toBe(false);
    expect(curve(folder, 'full')).toHaveLength(6);
    const again = await run(folder, ...into('full'));
    expect(again).toMatchObject({
      code: 0,
      err: expect.stringMatching(/its losses in .*full\/earlier-1\n/u) as string,
    });
    expect(curve(folder, 'full/earlier-1')).toHaveLength(6);
    expect(curve(folder, 'full')).toHaveLength(STEPS);
  });
});

describe('a run whose numbers are none any more', () => {
  it('ends, and the last checkpoint is one of numbers', async () => {
    const wild = ['--set', 'train.learningRate=1e6', '--set', 'train.warmup=0', '--set', 'checkpoint.every=1'];
    const { code, out, err } = await run(folder, ...into('wild'), ...wild);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toMatch(/^error: .* step (\d+) .*wanted a finite number: lower train\.learningRate/u);
    for (const row of curve(folder, 'wild')) expect(row).not.toMatch(/NaN|Infinity/u);
    const exported = await start(folder, ['export', 'wild-saved', '-o', 'wild-published']).ended;
    expect(exported.code).toBe(0);
    const bytes = readFileSync(join(folder, 'wild-published', 'model.safetensors'));
    const begin = 8 + Number(bytes.readBigUInt64LE(0));
    for (let at = begin; at < bytes.length; at += 4) expect(Number.isFinite(bytes.readFloatLE(at))).toBe(true);
  });
});

it('two runs that start in one folder at once: one trains, the other says who does', async () => {
  const both = [0, 1].map(() => start(folder, ['run', 'run.yaml', ...into('both')]));
  const ended = await Promise.all(both.map((one) => one.ended));
  expect(new Set(ended.map(({ code }) => code))).toEqual(new Set([0, 4]));
  const holder = both[ended.findIndex(({ code }) => code === 0)]!;
  expect(ended.find(({ code }) => code === 4)?.err).toContain(`in use by another run, process ${holder.child.pid}`);
  expect(losses(folder, 'both')).toHaveLength(STEPS);
});
