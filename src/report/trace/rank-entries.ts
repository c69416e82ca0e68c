/** A trace rank by rank, for formats that give each rank a file of its own. */
import type { Trace, TraceEntry } from '../../effects/trace.ts';

/** What happened on each device, in the order of the trace; a message is an entry of both of its ends. */
export const entriesByRank = (trace: Trace, devices: number): readonly (readonly TraceEntry[])[] => {
  const byRank = Array.from({ length: devices }, (): TraceEntry[] => []);
  for (const entry of trace)
    if (entry.kind === 'message') {
      byRank[entry.from]?.push(entry);
      byRank[entry.to]?.push(entry);
    } else byRank[entry.kind === 'receipt' ? entry.to : entry.rank]?.push(entry);
  return byRank;
};
