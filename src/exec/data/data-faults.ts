/** What is wrong with the files of a run, all of it. */
import type { Finding } from '../../scenario/complaint.ts';

export interface DataFaults {
  /** By the key of the scenario that names the file, or the tokenizer. */
  readonly findings: readonly Finding[];
  /** Within files, each on a line that begins with its place there. */
  readonly complaints: readonly string[];
}

export const tokenizerFault = (message: string): DataFaults => ({
  findings: [{ path: 'data.tokenizer', message, suggestion: null }],
  complaints: [],
});
