/** The checkpoint that somebody probably meant where there is none, in words. */
import { basename, dirname, join } from 'node:path';
import { nearestName } from '../../scenario/nearest.ts';
import type { Disk } from './disk.ts';
import { namedStepsIn, stepName, stepsIn } from './folder.ts';

export const nearestTo = (disk: Disk, path: string): string => {
  const parent = dirname(path);
  const steps = stepsIn(disk, parent);
  if (steps.length > 0) return `the nearest is ${join(parent, stepName(nearestStep(steps, basename(path))))}`;
  const folders = disk.list(parent).filter((name) => namedStepsIn(disk, join(parent, name)).length > 0);
  const near = nearestName(basename(path), folders) ?? (folders.length === 1 ? folders[0] : undefined);
  if (near !== undefined) return `there are checkpoints in ${join(parent, near)}`;
  return folders.length > 0
    ? `there are checkpoints in ${folders.map((name) => join(parent, name)).join(', ')}`
    : `there is no checkpoint in ${parent} either`;
};

/** A name without a number is nearest to the newest; of two that are as near, the earlier. */
const nearestStep = (steps: readonly number[], name: string): number => {
  const wanted = Number(/\d+/u.exec(name)?.[0] ?? Number.MAX_SAFE_INTEGER);
  return steps.reduce((best, step) => (Math.abs(step - wanted) < Math.abs(best - wanted) ? step : best));
};
