/** Runs pieces of a program for a world that writes down what each strand is in the middle of. */
import type { Instant } from '../units/quantity.ts';
import type { Rank } from '../units/identity.ts';
import type { Collective, Program, Section } from './effect.ts';
import { elementsOf } from './tensor.ts';
import type { Combining, Scene } from './trace.ts';

/** Of a strand. */
interface Acting {
  scene: Scene;
}

/** A section without a moment of its own belongs to the one that it is run in. */
export const inSection = (acting: Acting, { key, moment }: Section, program: Program<unknown>): Program<unknown> =>
  within(acting, { ...acting.scene, section: key, moment: moment ?? acting.scene.moment }, program);

interface Witness {
  readonly rank: Rank;
  readonly now: () => Instant;
  readonly note: (combining: Combining) => void;
}

/** What the messages and sums of `program` are made for is noted once they are over. */
export function* combining(
  acting: Acting,
  { operation, algorithm, group, whole }: Collective,
  program: Program<void>,
  { rank, now, note }: Witness,
): Program<void> {
  const { scene } = acting;
  const start = now();
  yield* within(acting, { ...scene, isCollective: true }, program);
  note({
    kind: 'collective',
    rank,
    operation,
    algorithm: algorithm.kind,
    group,
    dtype: whole.dtype,
    elements: elementsOf(whole),
    start,
    end: now(),
    scene,
  });
}

function* within<Result>(acting: Acting, scene: Scene, program: Program<Result>): Program<Result> {
  const outer = acting.scene;
  acting.scene = scene;
  const result = yield* program;
  acting.scene = outer;
  return result;
}
