/** What the operating system says against a file, in words: the one table of its codes. Whoever knows more says that first. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'the permission is missing',
  EBUSY: 'something else is using it',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a file of that name is there',
  EFBIG: 'the file would be larger than files may be here',
  EIO: 'the disk failed',
  EISDIR: 'this is a folder, wanted a file',
  ELOOP: 'links lead in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENFILE: 'too many files are open',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is no folder',
  ENOTEMPTY: 'the folder is not empty',
  EPERM: 'the permission is missing',
  EROFS: 'the disk can only be read',
  ERR_INVALID_ARG_VALUE: 'the path has a character that no path can have',
};

/** The code that the operating system gave, or null when the error is none of its. */
export const systemCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

export const systemReason = (code: string): string => REASONS[code] ?? 'the operating system refused';
