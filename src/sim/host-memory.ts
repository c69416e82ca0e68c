/** What a job holds of its hosts' memory, node by node, and what is missing there. */
import { stageSize } from '../actors/mesh.ts';
import type { Job } from '../scenario/job.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes, minus } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';

/** On the node that holds most; `perRank`: what a rank of each stage holds. */
export const hostHeld = ({ devices, layout, cluster }: Job, perRank: readonly number[]): Bytes => {
  if (perRank.every((held) => held === 0)) return bytes(0);
  const size = stageSize(layout);
  let most = 0;
  for (let start = 0; start < devices; start += cluster.devicesPerNode) {
    const end = Math.min(devices, start + cluster.devicesPerNode);
    let held = 0;
    for (let stage = Math.floor(start / size); stage * size < end; stage++)
      held += perRank[stage]! * (Math.min(end, (stage + 1) * size) - Math.max(start, stage * size));
    most = Math.max(most, held);
  }
  return bytes(most);
};

/** Bytes that a node lacks; null when its memory holds all that is put there. */
export const hostShortage = ({ cluster }: Pick<Job, 'cluster'>, { host }: Pick<Evaluation, 'host'>): Bytes | null =>
  host > cluster.hostMemory.value ? minus(host, cluster.hostMemory.value) : null;
