/** What is wrong with a checkpoint or its folder, in words for the user. Anything else that is thrown is a mistake of ours. */
export class CheckpointFault extends Error {
  override readonly name = 'CheckpointFault';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'the permission is missing',
  EPERM: 'the permission is missing',
  EROFS: 'the disk can only be read',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'this is a folder, wanted a file',
  EIO: 'the disk failed',
};

/** The code that the operating system gave, or null when the error is none of its. */
export const systemCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

/** Errors of the operating system in plain words; all others pass through as they are. */
export const inWords = (error: unknown, task: string): unknown => {
  const code = systemCode(error);
  if (code === null || error instanceof CheckpointFault) return error;
  return new CheckpointFault(`${task}: ${REASONS[code] ?? 'the operating system refused'} (${code})`, { cause: error });
};
