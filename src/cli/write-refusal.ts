/** Why a run cannot write where it was told to, in words. */
import { EXIT, Refusal } from './exit.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'nothing may be written there',
  EPERM: 'nothing may be written there',
  EROFS: 'the disk can only be read',
  EEXIST: 'a file of that name is there, wanted a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENAMETOOLONG: 'the name is too long',
};

/** What is no fault of the file system stays as it is. */
export const writeRefusal = (path: string, error: unknown): unknown => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  if (code === null) return error;
  return new Refusal(EXIT.badInput, `error: ${path}: ${REASONS[code] ?? 'the operating system refused'} (${code})`);
};
