/** Where a run that has diverged can go on from: its newest checkpoint may be finite and spoilt all the same. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { stepName, stepsIn } from './folder.ts';

/** Null: nothing is saved, and it begins anew by itself. */
export const waysBack = (disk: Disk, path: string): string | null => {
  const [newest, before] = stepsIn(disk, path).toReversed();
  if (newest === undefined) return null;
  const spoilt = `if ${stepName(newest)} is spoilt already`;
  return before === undefined
    ? `${spoilt}, --fresh begins anew: there is no earlier checkpoint`
    : `${spoilt}, --resume ${join(path, stepName(before))} goes on before it, and --fresh begins anew`;
};
