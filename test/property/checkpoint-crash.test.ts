/** Laws of checkpoints on machines that fail: whatever happens while one is stored, the last one is whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { store } from '../../src/effects/ask.ts';
import type { Store } from '../../src/effects/effect.ts';
import { Arena } from '../../src/exec/arena.ts';
import { abandon } from '../../src/exec/checkpoint/commit.ts';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { latestIn, openFolder, stepsIn } from '../../src/exec/checkpoint/folder.ts';
import { initialStates } from '../../src/exec/checkpoint/held-states.ts';
import { setAsideIn } from '../../src/exec/checkpoint/set-aside.ts';
import { storeRank } from '../../src/exec/checkpoint/store.ts';
import { verify } from '../../src/exec/checkpoint/verify.ts';
import type { Corpus } from '../../src/exec/data/corpus.ts';
import { sharedMemory } from '../../src/exec/shared-memory.ts';
import { trainingServices } from '../../src/exec/training/training-services.ts';
import { rank as asRank } from '../../src/units/identity.ts';
import { instant, zeroBytes } from '../../src/units/quantity.ts';
import type { TestLayout, Whole } from '../worlds/any-layout.ts';
import { heldBy, progressAt, runsOf, storeAll } from '../worlds/any-layout.ts';
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

/** Whether a change of names that was not synced has reached the disk all the same. */
const anyLoss = fc.oneof(
  fc.constant(() => false),
  fc.constant(() => true),
  fc.func(fc.boolean()),
);
type IsKept = (change: number) => boolean;

/** `act` on a disk that dies at every change in turn; `check` sees what is left each time. */
const dyingEverywhere = (
  isKept: IsKept,
  { act, check }: { readonly act: (folder: CheckpointFolder) => void; readonly check: (disk: MemoryDisk) => void },
): number => {
  for (let changes = 0; ; changes += 1) {
    const disk = withTwo();
    const dying = dyingDisk(disk, changes);
    attempt(() => act(on(dying.disk)));
    disk.losePower(isKept);
    check(disk);
    if (!dying.hasDied()) return changes;
  }
};
const storing = (step: number, keep: number) => (folder: CheckpointFolder) =>
  storeAll(folder, { model: MODEL, layout: ON_TWO, step, keep });

test('wherever the process dies while it stores, the newest checkpoint is whole, and the next run finds order', () => {
  const check = (disk: MemoryDisk): void => {
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
  };
  fc.assert(
    fc.property(anyLoss, (isKept) => {
      expect(dyingEverywhere(isKept, { act: storing(3, 2), check })).toBeGreaterThan(20);
    }),
    { numRuns: 10 },
  );
});

test('a checkpoint that is stored again is there before and after, wherever the process dies', () => {
  const check = (disk: MemoryDisk): void => {
    openFolder(on(disk));
    expect(stepsIn(disk, PATH)).toEqual([1, 2]);
    for (const step of [1, 2]) verify(disk, `${PATH}/step-00000${step}`);
    expect(disk.list(PATH)).toEqual(['step-000001', 'step-000002']);
  };
  fc.assert(
    fc.property(anyLoss, (isKept) => void dyingEverywhere(isKept, { act: storing(2, 2), check })),
    { numRuns: 15 },
  );
});

test('a process that dies while it puts in order what another has left, and the power with it, loses no checkpoint', () => {
  const check = (disk: MemoryDisk): void => {
    openFolder(on(disk));
    expect(disk.list(PATH)).toEqual(['step-000001', 'step-000002']);
    for (const step of [1, 2]) verify(disk, `${PATH}/step-00000${step}`);
  };
  /** The first dies of itself, and what it has not synced is still seen by the second. */
  const dyingTwice = (first: number, second: number, isKept: IsKept): readonly [boolean, boolean] => {
    const disk = withTwo();
    const [one, two] = [dyingDisk(disk, first), dyingDisk(disk, second)];
    attempt(() => storing(2, 2)(on(one.disk)));
    attempt(() => openFolder(on(two.disk)));
    disk.losePower(isKept);
    check(disk);
    return [one.hasDied(), two.hasDied()];
  };
  for (const isKept of [() => false, () => true])
    for (let first = 0, isDead = true; isDead; first += 1)
      for (let second = 0, isDeadToo = true; isDeadToo; second += 1)
        [isDead, isDeadToo] = dyingTwice(first, second, isKept);
});

test('a checkpoint that is whole outlasts a loss of power at once, with the folders that were made for it', () => {
  fc.assert(
    fc.property(anyLoss, (isKept) => {
      const disk = memoryDisk();
      const deep = { ...on(disk), path: '/some/where/new' };
      openFolder(deep);
      storing(1, 1)(deep);
      disk.losePower(isKept);
      expect(verify(disk, latestIn(disk, deep.path)!).progress.step).toBe(1);
    }),
  );
});

test('checkpoints that are set aside are all still there, wherever the process dies', () => {
  const check = (disk: MemoryDisk): void => {
    openFolder(on(disk));
    const found = [PATH, `${PATH}/earlier-1`].flatMap((path) => stepsIn(disk, path).map((step) => ({ path, step })));
    expect(found.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual([1, 2]);
    for (const { path, step } of found) verify(disk, `${path}/step-00000${step}`);
  };
  const act = (folder: CheckpointFolder): void => void setAsideIn(folder, 0);
  fc.assert(
    fc.property(anyLoss, (isKept) => void dyingEverywhere(isKept, { act, check })),
    { numRuns: 30 },
  );
});

test('what was set aside is so for good, once it is told', () => {
  fc.assert(
    fc.property(anyLoss, (isKept) => {
      const disk = withTwo();
      expect(setAsideIn(on(disk), 1)).toBe('earlier-1');
      disk.losePower(isKept);
      expect([stepsIn(disk, PATH), stepsIn(disk, `${PATH}/earlier-1`)]).toEqual([[1], [2]]);
    }),
  );
});

test('what cannot be deleted behind a commit is named, and the new checkpoint is whole all the same', () => {
  const disk = withTwo();
  const failing = on({ ...disk, removeFile: lockedDisk(disk).removeFile });
  expect(() => storing(3, 1)(failing)).toThrow(
    expect.objectContaining({
      name: 'CheckpointFault',
      message: expect.stringMatching(/step-000003 is whole, but .* permission is missing \(EACCES\)/u) as string,
    }),
  );
  expect(verify(disk, latestIn(disk, PATH)!).progress.step).toBe(3);
});

test('a checkpoint counts as saved before anything is deleted on its account', () => {
  const disk = withTwo();
  const run = on({ ...disk, removeFile: lockedDisk(disk).removeFile });
  const ranks = runsOf(MODEL, ON_TWO);
  for (const [rank, runs] of ranks.entries())
    storeRank(run, { step: 3, rank, states: [heldBy(runs, MODEL, { state: 'weight', dtype: 'fp32' })] });
  const saved: number[] = [];
  const services = trainingServices({
    rank: asRank(0),
    arena: new Arena(sharedMemory()),
    now: () => instant(0),
    corpus: NO_TEXT,
    source: initialStates(1),
    saving: { folder: run, ranks: ranks.length, keep: 1, progressAt, onSaved: (step) => void saved.push(step) },
    onObservation: () => 'go on',
  });
  const asked = store(zeroBytes, { kind: 'commit', step: 3 }).next().value;
  expect(() => services.store(asked as Store)).toThrow(/cannot be deleted/u);
  expect(saved).toEqual([3]);
});
const NO_SPLIT = { documents: 0, start: 0, tokens: 0, sequences: 0 };
const NO_TEXT: Corpus = {
  tokens: new Uint16Array(new SharedArrayBuffer(0)),
  sequence: 1,
  seed: 1,
  splits: { train: NO_SPLIT, validation: NO_SPLIT },
  fingerprint: '',
  tokenizerFile: null,
};

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
