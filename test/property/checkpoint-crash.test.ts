/** Laws of checkpoints on machines that fail: whatever happens while one is stored, the last one is whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { abandon } from '../../src/exec/checkpoint/commit.ts';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { latestIn, openFolder, stepsIn } from '../../src/exec/checkpoint/folder.ts';
import { verify } from '../../src/exec/checkpoint/verify.ts';
import type { TestLayout, Whole } from '../worlds/any-layout.ts';
import { storeAll } from '../worlds/any-layout.ts';
import { dyingDisk, fullDisk, lockedDisk, memoryDisk } from '../worlds/memory-disk.ts';
import type { MemoryDisk } from '../worlds/memory-disk.ts';

const MODEL: readonly Whole[] = [{ name: 'head', outer: 2, groups: [12], inner: 1, divides: true }];
const ON_TWO: TestLayout = { tensorRanks: 2, cuts: [] };
const PATH = '/checkpoints';
const on = (disk: CheckpointFolder['disk']): CheckpointFolder => ({ disk, path: PATH, run: 'a-run' });

const withTwo = (): MemoryDisk => {
  const disk = memoryDisk();
  openFolder(on(disk));
  for (const step of [1, 2]) storeAll(on(disk), { model: MODEL, layout: ON_TWO, step });
  return disk;
};
const attempt = (act: () => void): Error | null => {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
};

/** Storing step `step` on a disk that dies at every change in turn; `check` sees what is left each time. */
const dyingEverywhere = (step: number, check: (disk: MemoryDisk) => void): number => {
  for (let changes = 0; ; changes += 1) {
    const disk = withTwo();
    const dying = dyingDisk(disk, changes);
    attempt(() => storeAll(on(dying.disk), { model: MODEL, layout: ON_TWO, step, keep: 2 }));
    disk.losePower();
    check(disk);
    if (!dying.hasDied()) return changes;
  }
};

test('wherever the process dies while it stores, the newest checkpoint is whole, and the next run finds order', () => {
  const moments = dyingEverywhere(3, (disk) => {
    const steps = stepsIn(disk, PATH);
    expect([
      [1, 2],
      [1, 2, 3],
      [2, 3],
    ]).toContainEqual(steps);
    for (const step of steps) verify(disk, `${PATH}/step-00000${step}`);
    openFolder(on(disk));
    expect(disk.list(PATH)).toEqual(steps.map((step) => `step-00000${step}`));
    storeAll(on(disk), { model: MODEL, layout: ON_TWO, step: 3, keep: 2 });
    expect(stepsIn(disk, PATH)).toEqual([2, 3]);
    verify(disk, latestIn(disk, PATH)!);
  });
  expect(moments).toBeGreaterThan(20);
});

test('a checkpoint that is stored again is there before and after, wherever the process dies', () => {
  dyingEverywhere(2, (disk) => {
    openFolder(on(disk));
    expect(stepsIn(disk, PATH)).toEqual([1, 2]);
    for (const step of [1, 2]) verify(disk, `${PATH}/step-00000${step}`);
    expect(disk.list(PATH)).toEqual(['step-000001', 'step-000002']);
  });
});

test('a full disk is said to be full, loses nothing, and keeps nothing of what did not fit', () => {
  const whole = withTwo();
  const before = whole.size();
  storeAll(on(whole), { model: MODEL, layout: ON_TWO, step: 3 });
  fc.assert(
    fc.property(fc.nat(whole.size() - before - 1), (room) => {
      const disk = withTwo();
      const error = attempt(() => storeAll(on(fullDisk(disk, room)), { model: MODEL, layout: ON_TWO, step: 3 }));
      expect(error?.name).toBe('CheckpointFault');
      expect(error?.message).toMatch(/step-000003.*step-000002 is whole.*no space is left on the disk \(ENOSPC\)/u);
      expect(stepsIn(disk, PATH)).toEqual([1, 2]);
      verify(disk, latestIn(disk, PATH)!);
      abandon(on(disk), 3);
      expect(disk.list(PATH)).toEqual(['step-000001', 'step-000002']);
    }),
  );
});

test('a folder that may not be written is refused at once, with its path', () => {
  expect(() => openFolder(on(lockedDisk(memoryDisk())))).toThrow(
    /folder \/checkpoints .*permission is missing \(EACCES\)/u,
  );
});
