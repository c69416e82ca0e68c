/** Libraries of the machine's, called through koffi, which a user may do without. */
import { createRequire } from 'node:module';

/** Counts are numbers, addresses bigints, characters their codes. */
export type ForeignFunction = (...values: (number | bigint)[]) => unknown;

/** A library that is open for as long as the process lives. */
export interface Library {
  /** A function by its C declaration, or null if the library has none of that name. */
  readonly find: (declaration: string) => ForeignFunction | null;
}

export interface Foreign {
  /** The first of the libraries that can be opened, or null. */
  readonly open: (paths: readonly string[]) => Library | null;
  /** Where the bytes of a buffer stand in the process; this does not keep the buffer alive. */
  readonly addressOf: (bytes: Uint8Array) => bigint;
}

/** What we use of koffi. */
interface Koffi {
  readonly load: (path: string) => { readonly func: (declaration: string) => ForeignFunction };
  readonly address: (value: Uint8Array) => bigint;
}

/** Throws what koffi's absence throws. */
export const foreign = (): Foreign => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parts of its published types that we use
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  return {
    open: (paths) => {
      for (const path of paths) {
        const library = opened(koffi, path);
        if (library !== null) return library;
      }
      return null;
    },
    addressOf: (bytes) => koffi.address(bytes),
  };
};

const opened = (koffi: Koffi, path: string): Library | null => {
  const library = foundOrNull(() => koffi.load(path));
  return library && { find: (declaration) => foundOrNull(() => library.func(declaration)) };
};

/** That a library or a function is not there is the answer to a question: koffi has no other way to give it. */
const foundOrNull = <T>(find: () => T): T | null => {
  try {
    return find();
  } catch {
    return null;
  }
};
