/** Why a file could not be read, in words. What is no fault of a file is thrown on. */
export const fileFault = (error: unknown): string => {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  const code = String(error.code);
  return FAULTS[code] ?? `${code}: ${error.message}`;
};

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file, neither beside the scenario nor in the working folder',
  EISDIR: 'this is a folder, wanted a file',
  EACCES: 'the file may not be read',
  ENOTDIR: 'a part of the path is not a folder',
  ERR_FS_FILE_TOO_LARGE: 'the file is too large to be one document; wanted several, or lines of jsonl',
  ERR_STRING_TOO_LONG: 'the file is too large to be one document; wanted several, or lines of jsonl',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'this is not text: wanted UTF-8',
};
