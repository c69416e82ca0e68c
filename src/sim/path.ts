/** What a strand of a simulated rank carries from effect to effect. */
import type { Program } from '../effects/effect.ts';
import type { Strand } from '../effects/program.ts';
import type { Scene } from '../effects/trace.ts';
import { sceneOf } from '../effects/trace.ts';
import { LedgerTape } from '../memory/ledger-tape.ts';
import type { Instant } from '../units/quantity.ts';
import type { Term } from './evaluation.ts';
import { Meter } from './meter.ts';

/** Its own time is when it last went on. */
export interface Path {
  at: Instant;
  readonly name: string;
  forkCount: number;
  readonly tape: LedgerTape;
  readonly meter: Meter;
  readonly parent: Strand<Path> | null;
  override: Term | null;
  cause: Term;
  readonly marks: Map<string, Instant>;
  /** What it is in the middle of, in a world that notes such things. */
  scene: Scene;
}

export const path = (at: Instant, parent: Strand<Path> | null, name: string): Path => ({
  at,
  name,
  forkCount: 0,
  tape: new LedgerTape(),
  meter: new Meter(),
  parent,
  override: parent?.state.override ?? null,
  cause: 'bubble',
  marks: new Map(),
  scene: parent === null ? sceneOf(name) : { ...parent.state.scene, strand: name },
});

/** Runs the program with everything it computes counted for `term`. */
export function* within(state: Path, term: Term, program: Program<unknown>): Program<unknown> {
  const outer = state.override;
  state.override = term;
  const result = yield* program;
  state.override = outer;
  return result;
}
