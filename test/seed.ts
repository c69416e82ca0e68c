/** Chooses and prints the seed of all properties: `ANGEL_SEED` when it is set, a fixed one in CI, else a fresh one. */
import { randomInt } from 'node:crypto';
import { env } from 'node:process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    seed: number;
  }
}

const SEED_IN_CI = 20231123;
const SEED_LIMIT = 2 ** 31;

const chosenSeed = (): number => {
  const asked = env['ANGEL_SEED'];
  if (asked === undefined || asked === '') return env['CI'] === undefined ? randomInt(SEED_LIMIT) : SEED_IN_CI;
  const seed = Number(asked);
  if (!Number.isInteger(seed) || Math.abs(seed) >= SEED_LIMIT)
    throw new RangeError(`ANGEL_SEED must be a whole number below ${SEED_LIMIT}, got "${asked}"`);
  return seed;
};

const seed = chosenSeed();
console.log(`The properties draw from ANGEL_SEED=${seed}`);

/** Vitest calls this once, before any test. */
export const setup = (project: TestProject): void => project.provide('seed', seed);
