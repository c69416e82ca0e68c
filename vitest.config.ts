/** How the laws are run: `quick` in every check, `slow` (files named `*.slow.test.ts`) beside it in `npm test`. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const SLOW = 'test/**/*.slow.test.ts';
/** Commands that a test starts print plain text, although vitest asks its children for colours where it prints in colour. */
const PLAIN = { NO_COLOR: '1' };
const shared = { testTimeout: 120_000, setupFiles: ['test/setup.ts'], env: PLAIN };

export default defineConfig({
  test: {
    // Files beside each other on two cores as well: the command that waits for them needs little of one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Of the root alone, so that both projects draw from one seed.
    globalSetup: ['test/seed.ts', 'test/kernels.ts'],
    projects: [
      { test: { ...shared, name: 'quick', include: ['test/**/*.test.ts'], exclude: [SLOW] } },
      { test: { ...shared, name: 'slow', include: [SLOW] } },
    ],
  },
});
