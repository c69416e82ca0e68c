/** Compiles the kernels before any test, if they are missing or older than their sources: tests run from the sources. */
import { buildKernels } from '../scripts/build-kernels.mjs';

/** Vitest calls this once, before any test. */
export const setup = (): Promise<void> => buildKernels();
