/** Answers the effects of one rank at once and writes them down: what it would wait for is left to whoever plays the notes. */
import { supervisorOf } from '../../actors/device.ts';
import { collectiveShape, collectiveTime } from '../../collectives/collective.ts';
import type { Collective, Compute, Move, Program, Receive, Section, Send } from '../../effects/effect.ts';
import type { Handlers, World } from '../../effects/program.ts';
import { Descend, Strand } from '../../effects/program.ts';
import { sizeOf } from '../../effects/tensor.ts';
import type { Job } from '../../scenario/job.ts';
import type { Rank } from '../../units/identity.ts';
import { blockId } from '../../units/identity.ts';
import type { Seconds } from '../../units/quantity.ts';
import { instantZero, later, transferTime } from '../../units/quantity.ts';
import type { Term } from '../evaluation.ts';
import type { Machine } from '../machine.ts';
import { hostTime } from '../machine.ts';
import { Meter } from '../meter.ts';
import { opTime } from '../op-time.ts';
import { TERM_OF_AXIS, termOfOp } from '../terms.ts';
import type { Aside, Note, Role } from './score.ts';
import { NoteWriter } from './score.ts';

/** What a strand carries. */
export interface Recording {
  readonly writer: NoteWriter;
  readonly work: Meter;
  /** Null at a root. */
  readonly aside: (Aside & { term: Term }) | null;
  /** The row of the time table that everything computed inside belongs to. */
  readonly override: Term | null;
  cause: Term;
}

/** What a section was the first time: it is written down as often as it comes up. */
interface KnownSection {
  readonly notes: readonly Note[];
  readonly effects: number;
  readonly work: Meter;
  readonly result: unknown;
}
/** Sections by key, of one job whose groups lie alike on all ranks that are recorded. */
export type KnownSections = Map<string, KnownSection>;

export class RecordingWorld implements World<Recording> {
  readonly #machine: Machine;
  readonly #job: Job;
  readonly #known: KnownSections;
  #effects = 0;
  #blocks = 0;

  constructor(job: Job, machine: Machine, known: KnownSections) {
    this.#job = job;
    this.#machine = machine;
    this.#known = known;
  }

  readonly handlers: Handlers<Recording> = {
    compute: (strand, effect) => this.#compute(strand, effect),
    send: (strand, effect) => this.#send(strand, effect),
    receive: (strand, effect) => this.#receive(strand, effect),
    receiveAny: () => {
      throw new TypeError('a choice by arrival needs the event queue of the message rung');
    },
    allocate: (_, { size, purpose }) => {
      this.#effects++;
      return { id: blockId(this.#blocks++), size, purpose, at: null };
    },
    release: () => void this.#effects++,
    // States are there before the first step, which is what is timed.
    load: (strand, { into, source }) =>
      source.kind === 'states' ? undefined : this.#spend(strand, 'input', hostTime(this.#machine, sizeOf(into))),
    store: (strand, { size }) => this.#spend(strand, 'input', transferTime(size, this.#machine.storageRate)),
    move: (strand, { block: { size } }: Move) => this.#spend(strand, 'offload', hostTime(this.#machine, size)),
    copy: (strand, { size }) => this.#spend(strand, 'offload', hostTime(this.#machine, size)),
    draw: () => {
      throw new TypeError('a seeded draw needs the message rung');
    },
    sleep: (strand, { delay }) => this.#spend(strand, 'bubble', delay),
    now: () => {
      throw new TypeError('the time is not known while a program is recorded: the message rung knows it');
    },
    observe: () => 'go on',
    route: (_, { expected }) => expected,
    mark: () => void this.#effects++,
    collective: (strand, effect) => this.#meet(strand, effect),
    section: (strand, effect) => this.#section(strand, effect),
  };

  fork({ state }: Strand<Recording>): Recording {
    const writer = new NoteWriter();
    const aside = { notes: writer.notes, term: 'input' as Term };
    state.writer.write({ kind: 'fork', aside });
    this.#effects++;
    return { writer, work: new Meter(), aside, override: state.override, cause: 'input' };
  }
  join({ state }: Strand<Recording>, { state: { aside } }: Strand<Recording>): void {
    this.#effects++;
    if (aside !== null) state.writer.write({ kind: 'join', aside });
  }
  end({ state: { aside, cause } }: Strand<Recording>): void {
    if (aside !== null) aside.term = cause;
  }

  /** Records what follows `placed` in the rank's program. */
  record<Placed>(rank: Rank, place: () => Program<Placed>, play: (placed: Placed) => Program<void>): Role {
    const placing = this.#run(rank, place(), null);
    this.#effects = 0;
    const { notes, work } = this.#run(rank, play(placing.result), null);
    return { notes, effects: this.#effects, work };
  }

  #run<Result>(
    rank: Rank,
    program: Program<Result>,
    override: Term | null,
  ): { readonly notes: readonly Note[]; readonly work: Meter; readonly result: Result } {
    const [writer, work] = [new NoteWriter(), new Meter()];
    const state: Recording = { writer, work, aside: null, override, cause: 'bubble' };
    const strand = new Strand<Recording>(this, rank, state, program);
    strand.resume(undefined);
    if (strand.outcome === null) throw new Error(`rank ${rank} waits although nothing is waited for`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the strand ran this program and no other
    return { notes: writer.notes, work, result: strand.outcome.result as Result };
  }

  #compute(strand: Strand<Recording>, { op }: Compute): void {
    this.#spend(strand, strand.state.override ?? termOfOp(op), opTime(op, this.#machine));
  }
  #send({ rank, state }: Strand<Recording>, { to, axis, tag, tensor }: Send): void {
    this.#effects++;
    // Reports to the supervisor cost nobody time.
    if (to === supervisorOf(this.#job)) return;
    state.writer.write({ kind: 'send', by: to - rank, axis, tag, size: sizeOf(tensor) });
  }
  #receive({ rank, state }: Strand<Recording>, { from, axis, tag }: Receive): void {
    this.#effects++;
    state.writer.write({ kind: 'receive', by: from - rank, tag, term: TERM_OF_AXIS[axis] });
    state.cause = TERM_OF_AXIS[axis];
  }
  #meet({ state }: Strand<Recording>, effect: Collective): void {
    this.#effects++;
    const term = TERM_OF_AXIS[effect.group.axis];
    const shape = collectiveShape(effect, this.#machine.scaleUpDomain);
    const nanoseconds = later(instantZero, collectiveTime(shape, this.#machine.links));
    state.writer.write({ kind: 'meet', effect, nanoseconds, term });
    state.work.spend(term, nanoseconds);
    state.cause = term;
  }

  #section({ rank, state }: Strand<Recording>, { key, term, program }: Section): unknown {
    // What is computed inside another section is a part of it.
    if (state.override !== null) return new Descend(program());
    let known = this.#known.get(key);
    if (known === undefined) {
      const before = this.#effects;
      const { notes, work, result } = this.#run(rank, program(), term);
      known = { notes, effects: this.#effects - before, work, result };
      this.#known.set(key, known);
    } else this.#effects += known.effects;
    state.writer.repeat(known.notes);
    state.work.add(known.work);
    return known.result;
  }

  #spend({ state }: Strand<Recording>, term: Term, duration: Seconds): void {
    this.#effects++;
    const nanoseconds = later(instantZero, duration);
    state.writer.write({ kind: 'run', nanoseconds });
    state.work.spend(term, nanoseconds);
    state.cause = term;
  }
}
