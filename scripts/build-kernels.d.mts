/** What `build-kernels.mjs` offers to the tests. */

/** Compiles the kernels unless the compiled ones are newer than every source. */
export declare const buildKernels: () => Promise<void>;
