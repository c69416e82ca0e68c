/** Laws of checkpoints: any layout reads what any other stored, and nothing is loaded that is not as it was stored. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { State } from '../../src/effects/share.ts';
import { elementsOfShape, placeInWhole } from '../../src/effects/share.ts';
import type { Disk } from '../../src/exec/checkpoint/disk.ts';
import { localDisk } from '../../src/exec/checkpoint/disk.ts';
import { commit } from '../../src/exec/checkpoint/commit.ts';
import { CheckpointFault } from '../../src/exec/checkpoint/fault.ts';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { latestIn, openFolder, stepsIn } from '../../src/exec/checkpoint/folder.ts';
import { elementsOfPart, rangesOf, wholeRun } from '../../src/exec/checkpoint/ranges.ts';
import { CheckpointReader, readManifest } from '../../src/exec/checkpoint/reader.ts';
import { storeRank } from '../../src/exec/checkpoint/store.ts';
import { SafetensorsFile } from '../../src/exec/checkpoint/safetensors-file.ts';
import { verify } from '../../src/exec/checkpoint/verify.ts';
import type { TestLayout, Whole } from '../worlds/any-layout.ts';
import {
  anyLayout,
  anyModel,
  heldBy,
  progressAt,
  runsOf,
  shapeOf,
  shareOf,
  STORED_STATES,
  storeAll,
  valueAt,
  wholeValues,
} from '../worlds/any-layout.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';

const folderOn = (disk: Disk, run = 'a-run'): CheckpointFolder => ({ disk, path: '/runs/checkpoints', run });
const opened = (folder: CheckpointFolder): CheckpointFolder => {
  openFolder(folder);
  return folder;
};
const SMALL: readonly Whole[] = [
  { name: 'layers.0.qkv', outer: 3, groups: [12, 12], inner: 1, divides: true },
  { name: 'token embedding', outer: 1, groups: [13], inner: 2, divides: false },
];
const ON_FOUR: TestLayout = { tensorRanks: 2, cuts: [0.4] };

test('the ranges of a run hold exactly its elements that the whole has, at their places', () => {
  const anyRun = fc
    .tuple(anyModel, fc.constantFrom(1, 2, 3, 4), fc.double({ min: 0, max: 1, noNaN: true }))
    .chain(([[whole], ranks, at]) =>
      fc.nat(ranks - 1).map((index) => {
        const share = shareOf(whole!, ranks, index);
        const start = Math.floor(elementsOfPart(share) * at);
        return { share, start, length: elementsOfPart(share) - start };
      }),
    );
  fc.assert(
    fc.property(anyRun, (run) => {
      const places = new Array<number | null>(run.length).fill(null);
      for (const { local, whole, length } of rangesOf(run))
        for (let i = 0; i < length; i += 1) places[local + i] = whole + i;
      expect(places).toEqual(places.map((_, local) => placeInWhole(run.share, run.start + local)));
    }),
  );
});

test('what one layout stored any other reads, element by element, and its padding is zero', () => {
  fc.assert(
    fc.property(anyModel, anyLayout, anyLayout, (model, stored, wanted) => {
      const folder = opened(folderOn(memoryDisk()));
      storeAll(folder, { model, layout: stored, step: 1 });
      const reader = new CheckpointReader(folder.disk, latestIn(folder.disk, folder.path)!);
      for (const state of STORED_STATES)
        for (const run of runsOf(model, wanted).flat()) {
          const into = new Float32Array(run.length).fill(NaN);
          reader.read(state, run, into);
          const tensor = model.findIndex(({ name }) => name === run.share.name);
          const expected = Array.from(into, (_, local) => placeInWhole(run.share, run.start + local)).map((place) =>
            place === null ? 0 : valueAt(state, tensor, place),
          );
          expect([...into]).toEqual(expected);
        }
    }),
  );
});

test('a checkpoint holds each element of each state once, and no padding', () => {
  fc.assert(
    fc.property(anyModel, anyLayout, (model, layout) => {
      const folder = opened(folderOn(memoryDisk()));
      storeAll(folder, { model, layout, step: 1 });
      const path = latestIn(folder.disk, folder.path)!;
      const stored = readManifest(folder.disk, path).files.flatMap(({ name }) => [
        ...new SafetensorsFile(folder.disk, join(path, name)).header.tensors.values(),
      ]);
      const elements = model.reduce((sum, whole) => sum + elementsOfShape(shapeOf(whole)), 0);
      expect(stored.reduce((sum, { shape }) => sum + elementsOfShape(shape), 0)).toBe(3 * elements);
    }),
  );
});

test('a byte that changed, wherever it is, and a file that is cut short or gone, are found and named', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  storeAll(folder, { model: SMALL, layout: ON_FOUR, step: 1 });
  const path = latestIn(disk, folder.path)!;
  expect(verify(disk, path).progress.step).toBe(1);
  const names = disk.list(path).filter((name) => disk.files.get(join(path, name))!.bytes.length > 0);
  expect(names).toEqual(['manifest.json', ...[0, 1, 2, 3].map((rank) => `rank-000${rank}.safetensors`)]);
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), fc.integer({ min: 1, max: 255 }), (name, at, flip) => {
      const file = disk.files.get(join(path, name))!;
      const whole = file.bytes;
      const refusal = { name: 'CheckpointFault', message: expect.stringContaining(name) as string };
      const altered = Uint8Array.from(whole);
      altered[at % whole.length]! ^= flip;
      file.bytes = altered;
      expect(() => verify(disk, path)).toThrow(expect.objectContaining(refusal));
      file.bytes = whole.subarray(0, at % whole.length);
      expect(() => verify(disk, path)).toThrow(expect.objectContaining(refusal));
      file.bytes = whole;
      verify(disk, path);
    }),
  );
  disk.removeFile(join(path, 'rank-0001.safetensors'));
  disk.files.get(join(path, 'rank-0002.safetensors'))!.bytes = new Uint8Array();
  expect(() => verify(disk, path)).toThrow(/rank-0001.safetensors is missing; .*rank-0002.safetensors has 0 bytes/u);
});

test('a fault names the checkpoint that there is to go back to', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  for (const step of [1, 2]) storeAll(folder, { model: SMALL, layout: ON_FOUR, step });
  disk.files.get('/runs/checkpoints/step-000002/rank-0000.safetensors')!.bytes[100]! ^= 1;
  expect(() => verify(disk, latestIn(disk, folder.path)!)).toThrow(/step-000002\/rank-0000.*step-000001 is whole/u);
});

test('weights stand in for master weights that were not stored, and nothing stands in for anything else', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  for (const [step, state] of (['weight', 'master'] as const).entries()) {
    const [runs] = runsOf(SMALL, { tensorRanks: 1, cuts: [] });
    storeRank(folder, { step, rank: 0, states: [heldBy(runs!, SMALL, { state, dtype: 'fp32' })] });
    commit(folder, { ranks: 1, progress: progressAt(step) });
    const reader = new CheckpointReader(disk, latestIn(disk, folder.path)!);
    const run = wholeRun('layers.0.qkv', shapeOf(SMALL[0]!));
    const read = (asked: State): Float32Array => {
      const into = new Float32Array(run.length);
      reader.read(asked, run, into);
      return into;
    };
    expect(read('master')).toEqual(wholeValues(state, 0, SMALL[0]!));
    const others = state === 'weight' ? (['first moment'] as const) : (['weight', 'first moment'] as const);
    for (const other of others) expect(() => read(other)).toThrow(/lacks element 0 of the (weight|first)/u);
  }
});

test('narrow weights come back as they were, and what is not of the checkpoint is refused', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  const [runs] = runsOf(SMALL, { tensorRanks: 1, cuts: [] });
  const coarse = { ...heldBy(runs!, SMALL, { state: 'weight', dtype: 'bf16' }) };
  storeRank(folder, { step: 1, rank: 0, states: [coarse] });
  commit(folder, { ranks: 1, progress: progressAt(1) });
  const reader = new CheckpointReader(disk, latestIn(disk, folder.path)!);
  const run = wholeRun('layers.0.qkv', shapeOf(SMALL[0]!));
  const into = new Float32Array(run.length);
  reader.read('weight', run, into);
  expect([...into]).toEqual([...new Uint16Array(coarse.bytes.buffer, coarse.bytes.byteOffset, run.length)].map(brain));
  expect(() => reader.read('weight', wholeRun('no such', [1]), new Float32Array(1))).toThrow(/holds no no such/u);
  expect(() => reader.read('weight', wholeRun('layers.0.qkv', [24, 3]), into)).toThrow(
    /\[3, 24, 1\], wanted \[24, 3\]/u,
  );
});
/** bf16 by its definition: sign, eight bits of exponent biased by 127, seven of fraction. */
const brain = (bits: number): number =>
  (bits & 0x8000 ? -1 : 1) * (1 + (bits & 0x7f) / 128) * 2 ** (((bits >> 7) & 0xff) - 127);

test('there is no checkpoint until every rank has stored its part, and none that lacks elements', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  const ranks = runsOf(SMALL, ON_FOUR);
  const store = (rank: number): void =>
    storeRank(folder, { step: 1, rank, states: [heldBy(ranks[rank]!, SMALL, { state: 'weight', dtype: 'fp32' })] });
  for (const rank of [0, 1, 3]) store(rank);
  expect(() => commit(folder, { ranks: 4, progress: progressAt(1) })).toThrow(/rank 2 has not stored/u);
  expect(disk.list(folder.path)).toEqual([]);
  for (const rank of [0, 1, 2]) store(rank);
  expect(() => commit(folder, { ranks: 3, progress: progressAt(1) })).toThrow(/would lack element \d+ of/u);
  expect(latestIn(disk, folder.path)).toBe(null);
});

test('only the last checkpoints of the run are kept, and nothing of another is ever deleted', () => {
  const disk = memoryDisk();
  const other = opened(folderOn(disk, 'another'));
  storeAll(other, { model: SMALL, layout: ON_FOUR, step: 2 });
  const folder = opened(folderOn(disk));
  disk.makeFolder('/runs/checkpoints/step-000000.partial');
  disk.create('/runs/checkpoints/step-000000.partial/rank-0000.safetensors');
  for (const step of [1, 3, 4, 5]) storeAll(folder, { model: SMALL, layout: ON_FOUR, step, keep: 2 });
  openFolder(folder);
  expect(disk.list(folder.path)).toEqual(['step-000000.partial', 'step-000002', 'step-000004', 'step-000005']);
  expect(() => storeAll(folder, { model: SMALL, layout: ON_FOUR, step: 2 })).toThrow(/not of the run a-run: it stays/u);
  expect(verify(disk, '/runs/checkpoints/step-000002').run).toBe('another');
});

test('no checkpoint of a later step is ever deleted, whatever a run stores before it and however few it keeps', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 2 }),
      fc.integer({ min: 1, max: 3 }),
      (steps, keep) => {
        const disk = memoryDisk();
        const folder = opened(folderOn(disk));
        for (const step of steps) storeAll(folder, { model: SMALL, layout: ON_FOUR, step });
        for (const step of steps) {
          const later = stepsIn(disk, folder.path).filter((one) => one > step);
          storeAll(folder, { model: SMALL, layout: ON_FOUR, step, keep });
          expect(stepsIn(disk, folder.path).filter((one) => one > step)).toEqual(later);
        }
      },
    ),
    { numRuns: 30 },
  );
  const folder = opened(folderOn(memoryDisk()));
  expect(() => storeAll(folder, { model: SMALL, layout: ON_FOUR, step: 3, keep: 0 })).toThrow(/wanted at least 1/u);
});

test('a file of the user keeps its folder', () => {
  const disk = memoryDisk();
  const folder = opened(folderOn(disk));
  storeAll(folder, { model: SMALL, layout: ON_FOUR, step: 1 });
  disk.create('/runs/checkpoints/step-000001/notes.txt');
  storeAll(folder, { model: SMALL, layout: ON_FOUR, step: 2, keep: 1 });
  expect(disk.list(folder.path)).toEqual(['step-000001.partial', 'step-000002']);
  expect(disk.list('/runs/checkpoints/step-000001.partial')).toEqual(['notes.txt']);
});

test('on a real disk too, a checkpoint is read as it was stored, and a changed byte of it is refused', () => {
  const path = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  try {
    const folder = opened({ disk: localDisk, path: join(path, 'new', 'folder'), run: 'a-run' });
    for (const step of [1, 2, 3]) storeAll(folder, { model: SMALL, layout: ON_FOUR, step, keep: 2 });
    storeAll(folder, { model: SMALL, layout: { tensorRanks: 1, cuts: [] }, step: 3, keep: 2 });
    expect(readdirSync(folder.path)).toEqual(['step-000002', 'step-000003']);
    expect(stepsIn(localDisk, folder.path)).toEqual([2, 3]);
    const latest = latestIn(localDisk, folder.path)!;
    expect(readdirSync(latest)).toEqual(['manifest.json', 'rank-0000.safetensors', 'run-a-run']);
    verify(localDisk, latest);
    const reader = new CheckpointReader(localDisk, latest);
    const into = new Float32Array(26);
    reader.read('second moment', wholeRun('token embedding', [1, 13, 2]), into);
    reader.close();
    expect(into).toEqual(wholeValues('second moment', 1, SMALL[1]!));
    writeFileSync(join(latest, 'rank-0000.safetensors'), new Uint8Array([1]), { flag: 'r+' });
    expect(() => verify(localDisk, latest)).toThrow(CheckpointFault);
  } finally {
    rmSync(path, { recursive: true });
  }
});
