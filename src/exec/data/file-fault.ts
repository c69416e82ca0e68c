/** Why a text could not be read. */
import { systemCode, systemReason } from '../system-fault.ts';

/** In words. What is no fault of a file is thrown on. */
export const fileFault = (error: unknown): string => {
  const code = systemCode(error);
  if (code === null) throw error;
  return FAULTS[code] ?? `${systemReason(code)} (${code})`;
};

/** What is known of texts beyond what the system says. */
const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file, neither beside the scenario nor in the working folder',
  EISDIR: 'this is a folder, wanted a file',
  EACCES: 'the file may not be read',
  ERR_FS_FILE_TOO_LARGE: 'the file is too large to be one document; wanted several, or lines of jsonl',
  ERR_STRING_TOO_LONG: 'the file is too large to be one document; wanted several, or lines of jsonl',
  LINE_TOO_LONG: 'a line is too long to be one document',
};
