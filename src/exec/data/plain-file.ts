/** Files that can be read to their end: a device may have none, a pipe may wait for ever, and a text has to fit into memory. */
import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { formatBytes } from '../../units/format.ts';
import { bytes } from '../../units/quantity.ts';

/** What the runtime takes as one text: V8 has no longer strings on machines of 64 bits. */
export const TEXT_BYTES_MAX = 2 ** 29 - 24;

/** Why a file is not to be read, or null; throws what the system says of a file that is not there. `most` is in bytes. */
export const oddityOf = (full: string, most: number): string | null => {
  const found = statSync(full);
  if (!found.isFile()) return `this is ${kindOf(found)}, wanted a file`;
  if (found.size <= most) return null;
  return `${shown(found.size)} are too large for one document, ${shown(most)} at most; wanted several files, or lines of jsonl`;
};

const shown = (size: number): string => formatBytes(bytes(size));

const kindOf = (found: Stats): string => {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
};
