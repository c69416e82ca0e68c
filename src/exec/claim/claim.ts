/**
 * A file that says which process alone may go on. It is void once that process is gone, or, where nobody here can see that,
 * once its time has not been renewed for long. However many processes find it void at once, one of them gets it.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { systemCode } from '../system-fault.ts';
import type { Holder } from './holder.ts';
import { holderIn, isAlive, thisProcess } from './holder.ts';

/** Much longer than a process is held up by anything between two renewals. */
export const SILENCE_MAX_MS = 60_000;
const RENEWAL_MS = 5_000;

export interface Claim {
  readonly kind: 'claim';
  release(): void;
}
/** Somebody has it. */
export interface Refused {
  readonly kind: 'refused';
  readonly holder: Holder;
  readonly path: string;
  /** True: the process was seen. False: it was heard of lately, and may be gone. */
  readonly isSeen: boolean;
}

export type Link = (from: string, to: string) => void;

/** `link`: as that of the system, which some disks do not have. */
export const claimFile = (path: string, link: Link = linkSync): Claim | Refused => {
  const holder = thisProcess();
  const text = JSON.stringify(holder);
  const own = `${path}.${holder.token}`;
  try {
    writeFileSync(own, text, { flag: 'wx' });
    return take(path, { own, text, link }) ?? held(path, text);
  } finally {
    rmSync(own, { force: true });
  }
};

interface Own {
  /** A file beside the claim, with all that this process says. */
  readonly own: string;
  readonly text: string;
  readonly link: Link;
}

/** Null: it is ours. */
const take = (path: string, { own, text, link }: Own): Refused | null => {
  for (;;) {
    if (create(path, { own, text, link })) return null;
    const found = settledText(path);
    if (found === null) continue;
    const refused = refusedBy(path, found, own);
    if (refused !== null) return refused;
    // Whoever replaces this void claim must be alone with it: that is a claim of its own, named for what is replaced.
    const right = `${path}.${digest(found)}`;
    const before = take(right, { own, text, link });
    if (before !== null) return before;
    const isStill = textOf(path) === found;
    if (isStill) renameSync(right, path);
    else rmSync(right);
    if (isStill) return null;
  }
};

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** With all that it says or, on a disk that links nothing, empty for a moment; false: there is one. */
const create = (path: string, { own, text, link }: Own): boolean => {
  try {
    link(own, path);
    return true;
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
  }
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
};
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'EXDEV', 'EACCES']);

/** What the claim says, once it says something; null: it is gone. */
const settledText = (path: string): string | null => {
  let text = textOf(path);
  for (let looks = 0; text !== null && !text.endsWith('}') && looks < LOOKS_MAX; looks++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
    text = textOf(path);
  }
  return text;
};
const LOOKS_MAX = 50;
const LOOK_MS = 10;

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
};

/** Null: the claim is void. Times are those that the disk gave, for clocks of two machines differ. */
const refusedBy = (path: string, text: string, own: string): Refused | null => {
  const holder = holderIn(text);
  if (holder === null) return null;
  const isSeen = isAlive(holder);
  if (isSeen === false) return null;
  const silence = (timeOf(own) ?? 0) - (timeOf(path) ?? 0);
  return isSeen === null && silence > SILENCE_MAX_MS
    ? null
    : { kind: 'refused', holder, path, isSeen: isSeen === true };
};
const timeOf = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;

/** Ours until it is released. */
const held = (path: string, text: string): Claim => {
  const file = openSync(path, 'r+');
  // The same bytes again: the disk notes the time, and whoever reads the file meanwhile reads what it says.
  const renewal = setInterval(() => renew(file, text), RENEWAL_MS).unref();
  return {
    kind: 'claim',
    release: () => {
      clearInterval(renewal);
      closeSync(file);
      // Who was silent for too long may have lost it.
      if (textOf(path) === text) rmSync(path, { force: true });
    },
  };
};

/** A disk that takes nothing now may take it the next time: the run itself says what it cannot write. */
const renew = (file: number, text: string): void => {
  try {
    writeSync(file, text, 0);
  } catch (error) {
    if (systemCode(error) === null) throw error;
  }
};
