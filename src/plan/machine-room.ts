/** Whether the ranks of a job have room on one machine, by the books, which know to the byte what a rank allocates. */
import type { Job } from '../scenario/job.ts';
import { THREAD_MEMORY_MAX } from '../scenario/machine.ts';
import type { StageReport } from '../sim/evaluation.ts';
import { formatBytes } from '../units/format.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import { explain } from './explain.ts';

/** What is too large for a thread, or all together for a machine of so much memory; empty where everything has room. */
export const crowding = (job: Job, machine: Bytes): readonly string[] => {
  const peaks = explain(job, 'bound').evaluation.stages.map(heldBy);
  const most = Math.max(...peaks);
  const all = (job.devices / job.layout.pp) * peaks.reduce((sum, peak) => sum + peak, 0);
  return [
    ...(most > THREAD_MEMORY_MAX
      ? [
          `a rank of stage ${peaks.indexOf(most)} needs ${shown(most)}, ${shown(most - THREAD_MEMORY_MAX)} more than the ${shown(THREAD_MEMORY_MAX)} that a thread can have`,
        ]
      : []),
    ...(all > machine
      ? [`all ranks need ${shown(all)}, ${shown(all - machine)} more than the ${shown(machine)} of this machine`]
      : []),
  ];
};

/** What stands for memory that the runtime takes beside tensors is taken by nobody here. */
const heldBy = ({ memory: { total, byPurpose } }: StageReport): number =>
  total - byPurpose.framework - byPurpose.allocator;

const shown = (size: number): string => formatBytes(bytes(size));
