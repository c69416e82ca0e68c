/** Every property of the suite draws from the one seed that `test/seed.ts` chose and printed. */
import fc from 'fast-check';
import { inject } from 'vitest';

fc.configureGlobal({ seed: inject('seed') });
