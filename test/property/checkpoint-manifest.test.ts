/** Laws of manifests: what cannot be is refused in one sentence, however well it is sealed, before any of it is believed. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { openFolder } from '../../src/exec/checkpoint/folder.ts';
import type { Manifest, Piece, TensorPieces } from '../../src/exec/checkpoint/manifest.ts';
import { cutOf, manifestOf } from '../../src/exec/checkpoint/manifest.ts';
import { elementsOfPart } from '../../src/exec/checkpoint/ranges.ts';
import { readManifest } from '../../src/exec/checkpoint/reader.ts';
import { refuseUnsound } from '../../src/exec/checkpoint/soundness.ts';
import { verify } from '../../src/exec/checkpoint/verify.ts';
import { sharesOf } from '../../src/model/shares.ts';
import { chunksOf, unitsOf } from '../../src/model/stages.ts';
import { parametersOf } from '../../src/model/unit.ts';
import type { TestLayout, Whole } from '../worlds/any-layout.ts';
import { progressAt, storeAll } from '../worlds/any-layout.ts';
import { FAMILIES } from '../worlds/families.ts';
import { tinyModel } from '../worlds/jobs.ts';
import type { MemoryDisk } from '../worlds/memory-disk.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';

const MODEL: readonly Whole[] = [{ name: 'head', outer: 2, groups: [12], inner: 1, divides: true }];
const ON_TWO: TestLayout = { tensorRanks: 2, cuts: [] };
const PATH = '/saved/step-000001';

const stored = (): MemoryDisk => {
  const disk = memoryDisk();
  const folder = { disk, path: '/saved', run: 'a-run' };
  openFolder(folder);
  storeAll(folder, { model: MODEL, layout: ON_TWO, step: 1 });
  return disk;
};
const overwrite = (disk: MemoryDisk, bytes: Uint8Array): void => {
  const file = disk.create(join(PATH, 'manifest.json'));
  file.write(bytes);
  file.close();
};

/** As whoever wrote it would have sealed it. */
const sealed = (rest: string): Uint8Array =>
  Buffer.from(`{"sha256":"${createHash('sha256').update(rest).digest('hex')}",\n${rest}`);
const refusalOf = (disk: MemoryDisk): unknown => {
  try {
    return verify(disk, PATH);
  } catch (error) {
    return error;
  }
};
const fault = (words: RegExp): object =>
  expect.objectContaining({ name: 'CheckpointFault', message: expect.stringMatching(words) as string }) as object;

const withPiece =
  (change: (piece: Piece) => object) =>
  (manifest: Manifest): object => {
    const { shape, pieces } = manifest.tensors['head']!;
    const [first, ...others] = pieces;
    return { ...manifest, tensors: { head: { shape, pieces: [{ ...first!, ...change(first!) }, ...others] } } };
  };
const withCut = (cut: Partial<Piece['cut']>): ((manifest: Manifest) => object) =>
  withPiece((piece) => ({ cut: { ...piece.cut, ...cut } }));
const withFiles =
  (change: (files: Manifest['files']) => object) =>
  (manifest: Manifest): object => ({ ...manifest, files: change(manifest.files) });

describe('what cannot be is refused', () => {
  it.each<readonly [string, (manifest: Manifest) => object, RegExp]>([
    [
      'a piece that is longer than its part',
      withPiece(() => ({ length: 1e12 })),
      /elements 0 to 1000000000000 of a part of 12/u,
    ],
    ['a piece that starts too late', withPiece(() => ({ start: 5 })), /elements 5 to 17 of a part of 12/u],
    ['a cut of no groups', withCut({ groups: [] }), /head is cut as .*which a tensor of \[2, 12, 1\] is not/u],
    ['a cut among no ranks', withCut({ ranks: 0 }), /head is cut as/u],
    ['a cut of no rows', withCut({ outer: 0 }), /head is cut as/u],
    ['a part beyond the last', withCut({ index: 2 }), /head is cut as/u],
    ['groups that ranks do not divide', withCut({ ranks: 5 }), /head is cut as/u],
    [
      'a file outside',
      withPiece(() => ({ file: '../../../etc/passwd' })),
      /"\.\.\/.*passwd", which is none of the files/u,
    ],
    ['a file that is not listed', withPiece(() => ({ file: 'rank-0007.safetensors' })), /none of the files/u],
    ['no files', withFiles(() => []), /has no files/u],
    [
      'a listed file outside',
      withFiles(([first]) => [{ ...first!, name: '../x.safetensors' }]),
      /"\.\.\/x\.safetensors", wanted/u,
    ],
    ['a file twice', withFiles((files) => [...files, files[0]!]), /rank-0000\.safetensors twice/u],
    [
      'more elements than files have room for',
      (manifest) => ({ ...manifest, tensors: { head: { shape: [1e12], pieces: [] } } }),
      /head is \[1000000000000\], wanted from 1 to the/u,
    ],
    [
      'a tensor without elements',
      (manifest) => ({ ...manifest, tensors: { head: { shape: [0], pieces: [] } } }),
      /head is \[0\]/u,
    ],
    [
      'steps that do not lead where it is',
      (manifest) => ({ ...manifest, progress: { ...manifest.progress, sequence: 40 } }),
      /1 steps of 4 sequences do not lead to sequence 40, wanted 4/u,
    ],
    [
      'elements that no piece has',
      (manifest) => ({
        ...manifest,
        tensors: { head: { shape: [2, 12, 1], pieces: manifest.tensors['head']!.pieces.slice(0, -1) } },
      }),
      /step-000001 lacks element \d+ of the 24 of the second moment of head/u,
    ],
  ])('%s', (_, change, words) => {
    const disk = stored();
    const changed = change(readManifest(disk, PATH));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a manifest that no run writes is what this is about
    overwrite(disk, manifestOf(changed as Manifest));
    expect(refusalOf(disk)).toEqual(fault(words));
  });
});

test('a manifest of another version is refused with its version and the one that is wanted', () => {
  const disk = stored();
  overwrite(disk, sealed('"version":1,"run":"a-run"}'));
  expect(refusalOf(disk)).toEqual(fault(/manifest\.json is of version 1, wanted 2$/u));
  overwrite(disk, sealed('"run":"a-run"}'));
  expect(refusalOf(disk)).toEqual(fault(/is of version unknown, wanted 2$/u));
});

test('what is sealed and nonsense is refused without a word of the reader that stumbled on it', () => {
  const disk = stored();
  overwrite(disk, sealed('nonsense'));
  expect(refusalOf(disk)).toEqual(fault(/but no JSON$/u));
  overwrite(disk, sealed('"version":2,"run":5}'));
  expect(refusalOf(disk)).toEqual(fault(/not understood at run, progress, files, tensors$/u));
});

test('what a rank holds of a tensor, in whatever family and however it is split, is sound', () => {
  for (const [family, more] of Object.entries(FAMILIES))
    for (const [tp, ep, etp] of [
      [1, 1, 1],
      [2, 2, 1],
      [4, 1, 4],
    ] as const) {
      const model = { ...tinyModel, ...more };
      const units = chunksOf(model, [model.layers]).flatMap(unitsOf);
      const parameters = units.flatMap((unit) =>
        Object.values(parametersOf(unit, model, { tp, ep, etp, isSplit: true })).flat(),
      );
      const held = parameters.flatMap((parameter, at) => {
        const ranks = parameter.name.startsWith('experts ') ? etp : tp;
        return sharesOf(parameter, `${at}.`, { ranks, index: ranks - 1, firstExpert: 0 });
      });
      const tensors = held.map((share, at) => {
        const piece: Piece = {
          file: 'rank-0000.safetensors',
          state: 'weight',
          start: 0,
          length: elementsOfPart(share),
          cut: cutOf(share),
        };
        return [`${at} ${share.name}`, { shape: [...share.shape], pieces: [piece] }] satisfies [string, TensorPieces];
      });
      const files = [{ name: 'rank-0000.safetensors', bytes: 1e12, sha256: '' }];
      const manifest: Manifest = {
        version: 2,
        run: family,
        progress: progressAt(1),
        files,
        tensors: Object.fromEntries(tensors),
      };
      expect(() => refuseUnsound(manifest, family)).not.toThrow();
    }
});
