/** Storing a rank's part of a checkpoint: one file of what it holds, without the padding, and a record of what is where. */
import { join } from 'node:path';
import type { ShareRun, State } from '../../effects/share.ts';
import type { Dtype } from '../../kernels/dtype.ts';
import { DTYPE_BYTES } from '../../kernels/dtype.ts';
import { inWords } from './fault.ts';
import { floatTypeOf } from './floats.ts';
import type { CheckpointFolder } from './folder.ts';
import {
  beginPartial,
  isOurs,
  partialName,
  rankFile,
  rankRecord,
  whileFailing,
  wholeBefore,
  writeFile,
} from './folder.ts';
import type { RankRecord, TensorPieces } from './manifest.ts';
import { cutOf, pieceName, recordOf } from './manifest.ts';
import type { Range } from './ranges.ts';
import { rangesOf } from './ranges.ts';
import type { TensorPlan } from './safetensors.ts';
import { SafetensorsWriter } from './safetensors-file.ts';

/** What a rank holds of a state in one flat tensor: its runs one behind another, and perhaps padding behind them. */
export interface HeldStates {
  readonly state: State;
  readonly dtype: Dtype;
  readonly runs: readonly ShareRun[];
  /** The elements' own bytes, little end first, possibly in memory that threads share. */
  readonly bytes: Uint8Array;
}

/** One run, where its ranges lie in the rank's memory, and what its tensor in the file is. */
interface Held {
  readonly state: State;
  readonly run: ShareRun;
  readonly ranges: readonly Range[];
  readonly plan: TensorPlan;
  readonly bytes: Uint8Array;
  readonly elementBytes: number;
}

/** Writes one rank's file and the record of what is in it. A failure leaves nothing of them behind. */
export const storeRank = (
  folder: CheckpointFolder,
  { step, rank, states }: { readonly step: number; readonly rank: number; readonly states: readonly HeldStates[] },
): void => {
  const { disk, path, run } = folder;
  const partial = join(path, partialName(step));
  const held = states.flatMap(heldIn).filter(({ ranges }) => ranges.length > 0);
  try {
    beginPartial(folder, step);
    const name = rankFile(rank);
    const written = writeTensors(folder, join(partial, name), held);
    const record: RankRecord = { run, file: { name, ...written }, tensors: tensorsOf(held, name) };
    writeFile(folder, join(partial, rankRecord(rank)), recordOf(record));
  } catch (error) {
    whileFailing(() => {
      if (!isOurs(folder, partialName(step))) return;
      for (const name of [rankRecord(rank), rankFile(rank)]) removeIfThere(folder, partial, name);
    });
    throw inWords(error, `${partial}: rank ${rank} cannot store its part; ${wholeBefore(disk, path, step)}`);
  }
};

const heldIn = ({ state, dtype, runs, bytes }: HeldStates): readonly Held[] => {
  const elementBytes = DTYPE_BYTES[dtype];
  let start = 0;
  return runs.map((run) => {
    const end = start + run.length * elementBytes;
    if (end > bytes.length)
      throw new RangeError(`${state}: ${bytes.length} bytes hold no ${run.share.name} at ${start}`);
    const ranges = rangesOf(run);
    const count = ranges.reduce((sum, { length }) => sum + length, 0);
    const plan = { name: pieceName(state, run.share.name, run), type: floatTypeOf(dtype), shape: [count] };
    const held = { state, run, ranges, plan, bytes: bytes.subarray(start, end), elementBytes };
    start = end;
    return held;
  });
};

const writeTensors = (
  { disk, run }: CheckpointFolder,
  path: string,
  held: readonly Held[],
): ReturnType<SafetensorsWriter['end']> => {
  const file = disk.create(path);
  try {
    const plans = held.map(({ plan }) => plan);
    const writer = new SafetensorsWriter(file, plans, { run });
    for (const { ranges, bytes, elementBytes } of held)
      for (const { local, length } of ranges)
        writer.write(bytes.subarray(local * elementBytes, (local + length) * elementBytes));
    return writer.end();
  } finally {
    file.close();
  }
};

const tensorsOf = (held: readonly Held[], file: string): RankRecord['tensors'] => {
  const tensors: Record<string, TensorPieces> = {};
  for (const { state, run } of held) {
    const { share, start, length } = run;
    const tensor = (tensors[share.name] ??= { shape: [...share.shape], pieces: [] });
    tensor.pieces.push({ file, state, start, length, cut: cutOf(share) });
  }
  return tensors;
};

const removeIfThere = ({ disk }: CheckpointFolder, path: string, name: string): void => {
  if (disk.list(path).includes(name)) disk.removeFile(join(path, name));
};
