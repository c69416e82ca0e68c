/** Laws of a run beside files that are not its own: they are refused before anything is trained, and stay. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { into, place, refused } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
afterAll(() => here.remove());
const at = (...names: readonly string[]): string => join(folder, ...names);

describe("somebody's files are refused before anything is trained, and stay", () => {
  const file = (path: string): void => {
    mkdirSync(join(at(path), '..'), { recursive: true });
    writeFileSync(at(path), 'mine');
  };
  const made = (path: string): void => void mkdirSync(at(path), { recursive: true });
  it.each<readonly [string, string, (path: string) => void, RegExp]>([
    ['notes under the name of the losses', 'notes/loss.csv', file, /loss\.csv is there already.*"mine"/u],
    ['a folder under that name', 'folder/loss.csv', made, /loss\.csv: this is a folder, wanted a file/u],
    ['a file as the output', 'plain', file, /plain: a file of that name is there, wanted a folder/u],
    ['a file as the folder of checkpoints', 'p-saved', file, /p-saved: a file of that name is there/u],
    ['a checkpoint that is not the run’s', 'o-saved/step-000007/a', file, /step-000007 is not of the run/u],
  ])('%s', async (_, path, put, complaint) => {
    put(path);
    const name = path.replace(/(-saved)?(\/.*)?$/u, '');
    const { code, err } = await refused(folder, 'run', 'run.yaml', ...into(name), '--fresh');
    expect({ code, err }).toEqual({ code: 4, err: expect.stringMatching(complaint) as string });
    if (put === file) expect(readFileSync(at(path), 'utf8')).toBe('mine');
  });

  it.each<readonly [string, readonly string[], number, RegExp]>([
    ['an output without a name', ['-o', ''], 2, /wanted the path of a folder/u],
    ['a drill behind the end', ['--drill', '1@999'], 2, /--drill 1@999: .*steps 1 to 24; wanted a step from 1 to 23/u],
    ['a path that no file can have', ['-o', 'a\0b'], 4, /a character that no path can have/u],
  ])('%s is refused', async (_, flags, code, complaint) => {
    const found = await refused(folder, 'run', 'run.yaml', ...flags);
    expect(found).toEqual({ code, out: '', err: expect.stringMatching(complaint) as string });
  });
});
