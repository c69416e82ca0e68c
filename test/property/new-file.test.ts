/** Laws of files that a command writes in one piece: whole or not there, and never in place of somebody's work. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { Refusal } from '../../src/cli/exit.ts';
import { NewFile } from '../../src/cli/new-file.ts';
import { CALIBRATED } from '../../src/report/cluster-yaml.ts';

const here = { folder: '' };
beforeEach(() => {
  here.folder = mkdtempSync(join(tmpdir(), 'new-file-'));
});
afterEach(() => rmSync(here.folder, { recursive: true }));

const MARK = 'written by a test';
const open = (name: string): NewFile => new NewFile(name, { folder: here.folder, mark: MARK });

describe('a new file', () => {
  it('is not there until it is whole, and nothing else is there afterwards', () => {
    const file = open('a.yaml');
    expect(existsSync(join(here.folder, 'a.yaml'))).toBe(false);
    file.write('text');
    file.drop();
    expect(readFileSync(join(here.folder, 'a.yaml'), 'utf8')).toBe('text');
    expect(readdirSync(here.folder)).toEqual(['a.yaml']);
  });
  it('leaves nothing behind that was dropped, and what it was to replace as it was', () => {
    writeFileSync(join(here.folder, 'a.yaml'), `# ${MARK}`);
    open('a.yaml').drop();
    open('b.yaml').drop();
    expect(readdirSync(here.folder)).toEqual(['a.yaml']);
    expect(readFileSync(join(here.folder, 'a.yaml'), 'utf8')).toBe(`# ${MARK}`);
  });
  it('takes the place of an older one of its kind', () => {
    writeFileSync(join(here.folder, 'a.yaml'), `# ${MARK}`);
    open('a.yaml').write('newer');
    expect(readFileSync(join(here.folder, 'a.yaml'), 'utf8')).toBe('newer');
  });
});

/** Each with what is there before. */
const HOSTILE: readonly (readonly [string, string, () => void])[] = [
  ['a folder', 'a.yaml', () => mkdirSync(join(here.folder, 'a.yaml'))],
  ["somebody's work", 'a.yaml', () => writeFileSync(join(here.folder, 'a.yaml'), 'model: mine')],
  ['a link, wherever it leads', 'a.yaml', () => symlinkSync('/dev/null', join(here.folder, 'a.yaml'))],
  ['in a folder that is not there', 'no/a.yaml', () => undefined],
  ['in a file as if that were a folder', 'b/a.yaml', () => writeFileSync(join(here.folder, 'b'), '')],
  ['too long a name', `${'a'.repeat(300)}.yaml`, () => undefined],
];
const contents = (): readonly unknown[] =>
  readdirSync(here.folder, { withFileTypes: true }).map((entry) => [
    entry.name,
    entry.isFile() ? readFileSync(join(here.folder, entry.name), 'utf8') : entry.isDirectory(),
  ]);

describe('a name that nothing can be written by', () => {
  it.each(HOSTILE)('is refused before any work is done: %s', (_, name, prepare) => {
    prepare();
    const before = contents();
    expect(() => open(name)).toThrow(Refusal);
    expect(contents()).toEqual(before);
  });
  it.each(HOSTILE)('ends calibrate with exit code 4 before it measures anything: %s', async (_, name, prepare) => {
    prepare();
    const { code, err } = await calibrateInto(name);
    expect(code).toBe(4);
    expect(err).toContain(name);
  });
  it.each(['', 'cluster', 'a.json', '/dev/null'])('is refused by calibrate if it is no YAML: %j', async (name) => {
    const { code, err } = await calibrateInto(name);
    expect(code).toBe(2);
    expect(err).toContain('.yaml');
  });
  it('is not a calibrated cluster, which is written anew', () => {
    writeFileSync(join(here.folder, 'here.yaml'), `# This machine ${CALIBRATED} yesterday`);
    new NewFile('here.yaml', { folder: here.folder, mark: CALIBRATED }).drop();
    expect(contents()).toHaveLength(1);
  });
});

const calibrateInto = async (name: string): Promise<{ code: number; err: string }> => {
  const err: string[] = [];
  const code = await main(['calibrate', '-o', name], {
    stdout: { write: () => undefined, isTerminal: false, columns: 80 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 80 },
    environment: {},
    folder: here.folder,
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  });
  return { code, err: err.join('') };
};
