/** The files that a trace becomes, piece by piece: one, or one for each rank. */
import type { Trace } from '../../effects/trace.ts';
import type { Job } from '../../scenario/job.ts';
import { chakraBytes } from './chakra.ts';
import { chromeText } from './chrome.ts';
import { groupNumbers, groupsJson } from './groups.ts';
import { kinetoText } from './kineto.ts';
import { perfettoBytes } from './perfetto.ts';
import type { Subject } from './picture.ts';
import { entriesByRank } from './rank-entries.ts';
import type { ShownStep } from './selection.ts';

export type Pieces = Iterable<string | Uint8Array>;
export interface TraceFile {
  /** In its folder. */
  readonly name: string;
  readonly pieces: () => Pieces;
}

export const wholeFile = (trace: Trace, subject: Subject, format: 'pftrace' | 'chrome'): Pieces =>
  format === 'pftrace' ? perfettoBytes(trace, subject) : chromeText(trace, subject);

/** What files by rank say of the job beside what happened. */
export interface Numbered {
  readonly job: Job;
  readonly steps: readonly ShownStep[];
}

/** Only devices have files: the supervisor is nothing that other tools know. */
export const rankFiles = (
  trace: Trace,
  { title, devices, ranks }: Subject,
  { format, job, steps }: Numbered & { readonly format: 'kineto' | 'chakra' },
): readonly TraceFile[] => {
  const byRank = entriesByRank(trace, devices);
  const shown = byRank.map((_, rank) => rank).filter((rank) => ranks === null || ranks.has(rank));
  if (format === 'kineto') {
    const { name, memory, multiprocessors } = job.cluster.accelerator;
    const card = { name, memory: memory.value, multiprocessors: multiprocessors.value };
    return shown.map((rank) => ({
      name: `rank-${rank}.json`,
      pieces: () => kinetoText(byRank[rank]!, { title, rank, devices, card, steps }),
    }));
  }
  const groups = groupNumbers(trace);
  return [
    ...shown.map((rank) => ({
      name: `trace.${rank}.et`,
      pieces: () => chakraBytes(byRank[rank]!, { rank, groups }),
    })),
    { name: 'comm-groups.json', pieces: () => [groupsJson(groups)] },
  ];
};
