/** What a simulated world writes down beside spans and messages, where somebody asks for it. */
import { messageProgram } from '../collectives/collective.ts';
import type { Collective, Program, Section } from '../effects/effect.ts';
import type { Strand } from '../effects/program.ts';
import { combining, inSection } from '../effects/scene.ts';
import type { Branch, Combining, Receipt, Span, TraceEntry } from '../effects/trace.ts';
import type { Op } from '../kernels/op.ts';
import type { Purpose } from '../memory/purpose.ts';
import { RunningTotal } from '../memory/running-total.ts';
import type { Tier } from '../memory/tier.ts';
import { opposite } from '../memory/tier.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant } from '../units/quantity.ts';
import type { Path } from './path.ts';
import { TraceTooLong } from './setting.ts';

/** So much for a purpose. */
interface Piece {
  readonly purpose: Purpose;
  readonly size: Bytes;
}

export class Detail {
  readonly #now: () => Instant;
  readonly #trace: TraceEntry[];
  readonly #entriesMax: number;
  readonly #totals = new Map<Rank, RunningTotal>();

  constructor(now: () => Instant, { trace, entriesMax }: { trace: TraceEntry[]; entriesMax: number }) {
    this.#now = now;
    this.#trace = trace;
    this.#entriesMax = entriesMax;
  }

  allocated(rank: Rank, { purpose, size }: Piece, tier: Tier): void {
    this.#held(rank, purpose, { tier, size: this.#totalOf(rank).add(purpose, size, tier) });
  }
  released(rank: Rank, { purpose, size }: Piece, tier: Tier = 'hbm'): void {
    this.#held(rank, purpose, { tier, size: this.#totalOf(rank).remove(purpose, size, tier) });
  }
  moved(rank: Rank, piece: Piece, to: Tier): void {
    this.allocated(rank, piece, to);
    this.released(rank, piece, opposite(to));
  }

  /** What the entry of something that the strand does says beside what happened. */
  of({ state: { scene } }: Strand<Path>, op?: Op): Pick<Span, 'scene' | 'op'> {
    return op === undefined ? { scene } : { scene, op };
  }
  /** A strand's own time is when it last went on: since then it has waited. */
  wait({ state: { at, scene } }: Strand<Path>): Pick<Receipt, 'asked' | 'scene'> {
    return { asked: at, scene };
  }

  branched(kind: Branch['kind'], { rank, state }: Strand<Path>, { name: child }: Path): void {
    this.#note({ kind, rank, strand: state.name, child, at: this.#now() });
  }
  section({ state }: Strand<Path>, effect: Section, program: Program<unknown>): Program<unknown> {
    return inSection(state, effect, program);
  }
  collective({ rank, state }: Strand<Path>, effect: Collective): Program<unknown> {
    const witness = { rank, now: this.#now, note: (entry: Combining) => this.#note(entry) };
    return combining(state, effect, messageProgram(effect, rank), witness);
  }

  #totalOf(rank: Rank): RunningTotal {
    const known = this.#totals.get(rank);
    if (known !== undefined) return known;
    const total = new RunningTotal();
    this.#totals.set(rank, total);
    return total;
  }
  #held(rank: Rank, purpose: Purpose, { tier, size }: { tier: Tier; size: Bytes }): void {
    this.#note({ kind: 'memory', rank, purpose, tier, size, at: this.#now() });
  }
  #note(entry: TraceEntry): void {
    if (this.#trace.push(entry) > this.#entriesMax) throw new TraceTooLong(this.#entriesMax);
  }
}
