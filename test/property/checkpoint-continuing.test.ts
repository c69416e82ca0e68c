/** Laws of going on: from the same run and the same samples alone, and never over what another training has left. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CheckpointFolder } from '../../src/exec/checkpoint/folder.ts';
import { latestIn, openFolder, stepsIn } from '../../src/exec/checkpoint/folder.ts';
import { refuseOccupied } from '../../src/exec/checkpoint/occupied.ts';
import { CheckpointReader } from '../../src/exec/checkpoint/reader.ts';
import { setAsideIn } from '../../src/exec/checkpoint/set-aside.ts';
import { dataOf } from '../../src/exec/checkpoint/settings.ts';
import type { Continuing } from '../../src/exec/checkpoint/verify.ts';
import { changesSince, differencesFrom, refuseOther, verify } from '../../src/exec/checkpoint/verify.ts';
import { waysBack } from '../../src/exec/checkpoint/ways-back.ts';
import type { TestLayout, Whole } from '../worlds/any-layout.ts';
import { progressAt, storeAll } from '../worlds/any-layout.ts';
import type { MemoryDisk } from '../worlds/memory-disk.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';

const MODEL: readonly Whole[] = [{ name: 'head', outer: 2, groups: [12], inner: 1, divides: true }];
const ON_TWO: TestLayout = { tensorRanks: 2, cuts: [] };
const PATH = '/saved';

const folderOn = (disk: MemoryDisk, run = 'a-run'): CheckpointFolder => ({ disk, path: PATH, run });
const withSteps = (...steps: readonly number[]): MemoryDisk => {
  const disk = memoryDisk();
  openFolder(folderOn(disk));
  for (const step of steps) storeAll(folderOn(disk), { model: MODEL, layout: ON_TWO, step });
  return disk;
};
const namesIn = (disk: MemoryDisk, path = PATH): readonly string[] => disk.list(path);

const disk = withSteps(1);
const path = latestIn(disk, PATH)!;
const { manifest, shapes } = new CheckpointReader(disk, path);
const same: Continuing = { ...progressAt(1), run: 'a-run', shapes };

test('a checkpoint of another model, text, order or batch is refused with every difference by its key', () => {
  expect(differencesFrom(manifest, same)).toEqual([]);
  expect(differencesFrom(manifest, { ...same, model: { ...same.model, name: 'renamed' } })).toEqual([]);
  const other = { ...same, model: { hidden: 16, experts: { count: 2 } }, seed: 3, batch: 9 };
  expect(() => refuseOther(path, manifest, other)).toThrow(
    /another run:\n.*hidden: the checkpoint has 8, the run 16\n.*experts: .*null, the run \{"count":2\}\n.*train\.seed: .* 3\n.*globalBatch: the checkpoint has 4, the run 9$/u,
  );
  const grown = new Map([...shapes, ['layers.1.qkv', [3, 24, 1]] as const]);
  expect(differencesFrom(manifest, { ...same, shapes: grown })).toEqual([
    'tensor.layers.1.qkv: the checkpoint has none, the run [3,24,1]',
  ]);
});

test('of data it is said what differs: the sequence, the split or the text; and a tokenizer that was moved is the same', () => {
  const said = (data: Partial<Continuing['data']>): readonly string[] =>
    differencesFrom(manifest, { ...same, data: { ...same.data, ...data } });
  expect(said({ tokenizer: '/moved/tokenizer.json' })).toEqual([]);
  expect(said({ sequence: 16 })).toEqual(['workload.sequence: the checkpoint has 8, the run 16']);
  expect(said({ trainTokens: 80, validationTokens: 20, tokens: 'fff' })).toEqual([
    'data.validation: the checkpoint keeps 10 of 100 tokens for it, the run 20',
  ]);
  expect(said({ trainTokens: 180, validationTokens: 20, tokens: 'f00' })).toEqual([
    'data.text or data.tokenizer: the checkpoint has 100 tokens of bytes, checksum a1b2c3d4, the run 200 tokens of bytes, checksum f00',
  ]);
  expect(said({ tokens: 'f00', sequence: 16 })).toHaveLength(2);
});

test('the same tokens have the same checksum under every name, and others another', () => {
  const split = { documents: 1, start: 0, tokens: 4, sequences: 1 };
  const corpusOf = (...ids: readonly number[]) => ({
    tokens: Uint16Array.from(ids) as Uint16Array<SharedArrayBuffer> & Uint16Array,
    sequence: 3,
    seed: 1,
    splits: { train: split, validation: split },
    fingerprint: '',
    tokenizerFile: null,
  });
  const checksum = (ids: readonly number[], name: string): string =>
    dataOf(corpusOf(...ids), { kind: 'file', path: name }).tokens;
  expect(checksum([1, 2, 3, 4], 'a.json')).toBe(checksum([1, 2, 3, 4], 'b/a.json'));
  expect(checksum([1, 2, 3, 4], 'a.json')).not.toBe(checksum([1, 2, 3, 5], 'a.json'));
});

test('what shapes the curve and forbids nothing is told, a line each', () => {
  expect(changesSince(manifest, same)).toEqual([]);
  const changed = { ...same, training: { learningRate: 1, clip: 2 }, precision: 'bf16', layout: { tp: 2 } };
  expect(changesSince(manifest, changed)).toEqual([
    'train.learningRate was 0.003 and is 1',
    'train.clip was none and is 2',
    'precision was fp32 and is bf16',
    'layout.tp was 1 and is 2',
  ]);
  expect(() => refuseOther(path, manifest, changed)).not.toThrow();
});

test('a checkpoint of a run of another name is refused by both names, unless it was asked for', () => {
  expect(() => refuseOther(path, manifest, { ...same, run: 'another' })).toThrow(
    /step-000001 is of the run a-run, and this is another; wanted another checkpoint\.folder, or --resume \/saved\/step-000001/u,
  );
  expect(() => refuseOther(path, manifest, { ...same, run: null })).not.toThrow();
});

test('what a run begins before is moved aside, all of it, whole, and of no other run', () => {
  const moved = withSteps(1, 2, 4, 12);
  storeAll(folderOn(moved, 'another'), { model: MODEL, layout: ON_TWO, step: 3 });
  expect(setAsideIn(folderOn(moved), 12)).toBe(null);
  expect(setAsideIn(folderOn(moved), 1)).toBe('earlier-1');
  expect([stepsIn(moved, PATH), stepsIn(moved, '/saved/earlier-1')]).toEqual([
    [1, 3],
    [2, 4, 12],
  ]);
  for (const step of [2, 4]) verify(moved, `/saved/earlier-1/step-00000${step}`);
  expect(setAsideIn(folderOn(moved), 0)).toBe('earlier-2');
  expect(namesIn(moved)).toEqual(['earlier-1', 'earlier-2', 'step-000003']);
});

test('what is not of the run and stands where it will save is refused before it trains', () => {
  const mine = withSteps(5);
  const range = { first: 1, last: 10 };
  refuseOccupied(folderOn(mine), range);
  expect(() => refuseOccupied(folderOn(mine, 'another'), range)).toThrow(
    /\/saved\/step-000005 is not of the run another, which would save its steps 1 to 10 there/u,
  );
  refuseOccupied(folderOn(mine, 'another'), { first: 6, last: 10 });
  refuseOccupied(folderOn(mine, 'another'), { first: 1, last: 4 });
  mine.create('/saved/step-000007').close();
  expect(() => refuseOccupied(folderOn(mine), range)).toThrow(/step-000007 is not of the run a-run/u);
  mine.removeFile('/saved/step-000007');
  mine.makeFolder('/saved/step-000010.partial');
  mine.create('/saved/step-000010.partial/rank-0000.safetensors').close();
  expect(() => refuseOccupied(folderOn(mine), range)).toThrow(/step-000010\.partial is not of the run a-run/u);
  expect(() => storeAll(folderOn(mine), { model: MODEL, layout: ON_TWO, step: 10 })).toThrow(/it stays$/u);
  expect(namesIn(mine, '/saved/step-000010.partial')).toEqual(['rank-0000.safetensors']);
});

test('the newest checkpoint is not passed over because its manifest is gone, and a name that no run writes is no checkpoint', () => {
  const found = withSteps(1, 2);
  found.removeFile('/saved/step-000002/manifest.json');
  expect(() => verify(found, latestIn(found, PATH)!)).toThrow(
    /step-000002 is no checkpoint: it has no manifest\.json; the nearest is \/saved\/step-000001$/u,
  );
  for (const name of ['step-99999999999999999999', 'step-100000000000000000000', 'step-0000009', 'step-9'])
    found.makeFolder(join(PATH, name));
  expect(latestIn(found, PATH)).toBe('/saved/step-000002');
  expect(stepsIn(found, PATH)).toEqual([1]);
});

test('where there is no checkpoint, the one that was probably meant is named', () => {
  const found = withSteps(6, 12);
  const said = (asked: string, words: RegExp): void => expect(() => verify(found, asked)).toThrow(words);
  said('/saved/step-000008', /the nearest is \/saved\/step-000006$/u);
  said('/saved/step-000010', /the nearest is \/saved\/step-000012$/u);
  said('/saved/last', /the nearest is \/saved\/step-000012$/u);
  said('/save', /\/save is no checkpoint: .* there are checkpoints in \/saved$/u);
  said('/somewhere/else', /there is no checkpoint in \/somewhere either$/u);
});

test('a run that has diverged is told what to go back to', () => {
  expect(waysBack(withSteps(), PATH)).toBe(null);
  expect(waysBack(withSteps(5), PATH)).toMatch(/if step-000005 is spoilt already, --fresh begins anew/u);
  expect(waysBack(withSteps(5, 10, 15), PATH)).toMatch(
    /if step-000015 is spoilt already, --resume \/saved\/step-000010 goes on before it, and --fresh/u,
  );
});
