/** Runs ranks that live in one thread: each in turn does what it can. */
import type { Program } from '../../src/effects/effect.ts';
import type { Strand } from '../../src/effects/program.ts';
import type { Errand, RankWorld } from '../../src/exec/rank-world.ts';

/** A rank, and what it runs. */
export interface Player {
  readonly world: RankWorld;
  readonly program: Program<unknown>;
}

/** Runs every program to its end; the answer is their strands, in the order of the players. */
export const runTogether = (players: readonly Player[]): readonly Strand<Errand>[] => {
  const strands = players.map(({ world, program }) => world.start(program));
  const worlds = players.map(({ world }) => world);
  while (worlds.some(({ isDone }) => !isDone)) {
    // Every one of them gets a turn, whatever the others did in theirs.
    const hasAdvanced = worlds.map((world) => world.advance()).includes(true);
    if (!hasAdvanced) rest(worlds.filter(({ isDone }) => !isDone));
  }
  return strands;
};

/** Nothing can happen now; where a rank sleeps, something will. */
const rest = (worlds: readonly RankWorld[]): void => {
  const sleeper = worlds.find(({ isAsleep }) => isAsleep);
  if (sleeper !== undefined) return sleeper.wait();
  throw new Error(`deadlock: ${worlds.map(({ awaited }) => awaited).join('; ')}`);
};
