/** Whether something that is not the run's stands where its checkpoints will go: told before it trains, not after. */
import { join } from 'node:path';
import { CheckpointFault } from './fault.ts';
import type { CheckpointFolder } from './folder.ts';
import { isOurs, stepNamed } from './folder.ts';

/** Refuses files and other runs' folders under a name of one of the steps; a run that is stopped saves behind any of them. */
export const refuseOccupied = (
  folder: CheckpointFolder,
  { first, last }: { readonly first: number; readonly last: number },
): void => {
  const { disk, path, run } = folder;
  const taken = disk.list(path).find((name) => {
    const step = stepNamed(name.replace(PARTIAL, ''));
    return step !== null && step >= first && step <= last && !isOurs(folder, name);
  });
  if (taken === undefined) return;
  throw new CheckpointFault(
    `${join(path, taken)} is not of the run ${run}, which would save its steps ${first} to ${last} there; wanted another checkpoint.folder, or it moved elsewhere`,
  );
};
/** An empty one is gone by then: whoever opens the folder removes it. */
const PARTIAL = /\.partial$/u;
