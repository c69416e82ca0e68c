/** Laws of where an exported model goes: into a new folder as a whole, and nothing of anybody else's is touched. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Disk } from '../../src/exec/checkpoint/disk.ts';
import { localDisk } from '../../src/exec/checkpoint/disk.ts';
import type { Exported } from '../../src/exec/hugging-face/export.ts';
import { exportModel } from '../../src/exec/hugging-face/export.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';
import { exported, llama } from '../worlds/published-models.ts';

const root = mkdtempSync(join(tmpdir(), 'angel-sim-export-'));
const folder = join(root, 'here');
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});
afterAll(() => rmSync(root, { recursive: true }));

const one = exported(llama(1, 2));
const FILES = ['config.json', 'model.safetensors', 'tokenizer.json'];
const failing: Exported = {
  ...one,
  source: {
    read: () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    },
    close: () => undefined,
  },
};
/** Names that the folder of an export might be mistaken for, with somebody's work in them. */
const OTHERS = ['q.partial', '.q.partial-0', '.q.partial-1', '.q', 'q.replaced'];
const withOthers = (): void => {
  for (const name of OTHERS) {
    mkdirSync(join(folder, name));
    for (const file of [...FILES, 'notes.txt']) writeFileSync(join(folder, name, file), `${name}/${file} is mine`);
  }
};
const expectOthers = (): void => {
  for (const name of OTHERS)
    for (const file of [...FILES, 'notes.txt'])
      expect(readFileSync(join(folder, name, file), 'utf8')).toBe(`${name}/${file} is mine`);
};

test('folders beside it stay as they are, whatever they are called, whether it succeeds or not', () => {
  withOthers();
  expect(() => exportModel(localDisk, join(folder, 'q'), failing)).toThrow(/no space is left/u);
  expectOthers();
  expect(readdirSync(folder).toSorted()).toEqual(OTHERS.toSorted());
  exportModel(localDisk, join(folder, 'q'), one);
  expectOthers();
  expect(readdirSync(join(folder, 'q')).toSorted()).toEqual(FILES);
  expect(readdirSync(folder).toSorted()).toEqual([...OTHERS, 'q'].toSorted());
});

test('what has its name stays, be it a file, a folder or an empty one', () => {
  writeFileSync(join(folder, 'file'), 'mine');
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'full'));
  writeFileSync(join(folder, 'full', 'config.json'), 'mine');
  for (const name of ['file', 'empty', 'full'])
    expect(() => exportModel(localDisk, join(folder, name), one)).toThrow(/is there already: it stays as it is/u);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
  expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual([
    'empty',
    'file',
    'full',
    'full/config.json',
  ]);
});

test('folders around it are made where they are missing, and go again with a failure', () => {
  const deep = join(folder, 'a', 'b', 'q');
  expect(() => exportModel(localDisk, deep, failing)).toThrow(/cannot be written/u);
  expect(readdirSync(folder)).toEqual([]);
  mkdirSync(join(folder, 'a'));
  expect(() => exportModel(localDisk, deep, failing)).toThrow(/cannot be written/u);
  expect(readdirSync(folder, { recursive: true })).toEqual(['a']);
  exportModel(localDisk, deep, one);
  expect(readdirSync(deep).toSorted()).toEqual(FILES);
  expect(existsSync(join(folder, 'a', 'b', 'q', 'model.safetensors'))).toBe(true);
});

/** Takes so many writes, and can be cleaned behind them. */
const shortDisk = (disk: Disk, writes: number): Disk => {
  let left = writes;
  return {
    ...disk,
    create: (path) => {
      const file = disk.create(path);
      return {
        ...file,
        write: (bytes) => {
          left -= 1;
          if (left < 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          file.write(bytes);
        },
      };
    },
  };
};

test('a disk that fills up at any moment is left as it was', () => {
  for (let writes = 0; writes < FILES.length; writes += 1) {
    const disk = memoryDisk();
    expect(() => exportModel(shortDisk(disk, writes), '/deep/q', one)).toThrow(/no space is left on the disk/u);
    expect([[...disk.files.keys()], disk.list('/')]).toEqual([[], []]);
  }
  exportModel(shortDisk(memoryDisk(), FILES.length), '/deep/q', one);
});
