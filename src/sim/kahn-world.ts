/**
 * Answers effects with virtual time, a clock a strand: a strand runs until it has to wait for a message, and then takes
 * the later of its own time and the arrival. Exact without an event queue as long as every channel has one writer and
 * nothing contends (Kahn 1974); collectives are answered by their closed forms, sections by their profiles.
 */
import { collectiveShape, collectiveTime, scratchBytes, sentBytes } from '../collectives/collective.ts';
import { pushTime } from '../collectives/link-rate.ts';
import type { Axis } from '../effects/group.ts';
import { AXES, positionIn } from '../effects/group.ts';
import type { Collective, Compute, Mark, Move, Program, Receive, Section, Send } from '../effects/effect.ts';
import type { Handlers, World } from '../effects/program.ts';
import { blocked, Descend, Strand } from '../effects/program.ts';
import { sizeOf } from '../effects/tensor.ts';
import { costOf, isOnHost } from '../kernels/op.ts';
import type { Rank } from '../units/identity.ts';
import { blockId } from '../units/identity.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { instant, instantZero, latest, later, transferTime } from '../units/quantity.ts';
import type { Term } from './evaluation.ts';
import { Ledger } from '../memory/ledger.ts';
import type { Tier } from '../memory/tier.ts';
import { opposite } from '../memory/tier.ts';
import { Mailbox } from './mailbox.ts';
import type { Machine } from './machine.ts';
import { hostTime, linkBetween } from './machine.ts';
import { Meter } from './meter.ts';
import { opTime } from './op-time.ts';
import type { Profile, Profiles } from './profile.ts';
import type { TapeWriter } from './tape.ts';
import { TERM_OF_AXIS, termOfOp } from './terms.ts';

/** What a strand carries. */
export interface Course {
  at: Instant;
  ledger: Ledger;
  meter: Meter;
  readonly profiles: Profiles;
  /** The strand that forked this one; null at a root. */
  readonly parent: Strand<Course> | null;
  /** True once the strand that forked this one has joined it. */
  isSettled: boolean;
  /** The term that everything counts for inside some sections. */
  override: Term | null;
  /** What the strand last spent time on: whoever waits for it waits for that. */
  cause: Term;
  /** When the root reached each mark of its stage. */
  readonly marks: Map<string, Instant>;
  /** What the root does is written down here, if it is to be replayed. */
  readonly tape: TapeWriter | null;
  /** Waits of a taped root: they depend on when its passes run. */
  waited: Meter;
  /** Of work started beside a taped root: its name, and whether it waits for the work before it. */
  readonly name: string | null;
}

export const course = (profiles: Profiles): Course => ({
  at: instantZero,
  ledger: new Ledger(),
  meter: new Meter(),
  profiles,
  parent: null,
  isSettled: false,
  override: null,
  cause: 'bubble',
  marks: new Map(),
  tape: null,
  waited: new Meter(),
  name: null,
});

/** `alone`: a rank by itself, for whom every message is there when it is asked for. */
export class KahnWorld implements World<Course> {
  readonly #machine: Machine;
  readonly #alone: boolean;
  readonly #mailbox = new Mailbox<Course>();
  readonly #lanes = new Map<number, Instant>();
  readonly #ready: (() => void)[] = [];
  #blocks = 0;

  constructor(machine: Machine, { alone }: { alone: boolean }) {
    this.#machine = machine;
    this.#alone = alone;
  }

  readonly handlers: Handlers<Course> = {
    compute: (strand, effect) => this.#compute(strand, effect),
    send: (strand, effect) => this.#send(strand, effect),
    receive: (strand, effect) => this.#receive(strand, effect),
    receiveAny: () => {
      throw new TypeError('a choice by arrival needs the event queue of the message rung');
    },
    allocate: ({ state }, { size, purpose, tier }) => {
      state.ledger.add(purpose, size, tier);
      return { id: blockId(this.#blocks++), size, purpose, at: null };
    },
    release: ({ state }, { block }) => state.ledger.add(block.purpose, -block.size),
    // States are there before the first step, which is what is timed.
    load: (strand, { into, source }) =>
      source.kind === 'states' ? undefined : this.#spend(strand, 'input', hostTime(this.#machine, sizeOf(into))),
    store: (strand, { size }) => this.#spend(strand, 'input', transferTime(size, this.#machine.storageRate)),
    move: (strand, effect) => this.#move(strand, effect),
    copy: (strand, { size, to }) => this.#copy(strand, size, to),
    draw: () => {
      throw new TypeError('a seeded draw needs the message rung');
    },
    sleep: (strand, { delay }) => this.#spend(strand, 'bubble', delay),
    now: ({ state }) => state.at,
    observe: () => 'go on',
    route: (_, { expected }) => expected,
    mark: (strand, effect) => mark(strand, effect),
    collective: (strand, effect) => this.#collective(strand, effect),
    section: (strand, effect) => this.#section(strand, effect),
  };

  fork(parent: Strand<Course>, name: string | null): Course {
    const { at, profiles, override } = parent.state;
    return { ...course(profiles), at, parent, override, name };
  }
  join(strand: Strand<Course>, child: Strand<Course>): void {
    const isFirst = child.state.parent === strand && !child.state.isSettled;
    if (isFirst && child.state.name !== null)
      strand.state.tape?.write({ kind: 'wait', name: child.state.name, term: child.state.cause });
    waitUntil(strand.state, child.state.at, child.state.cause);
    if (!isFirst) return;
    child.state.isSettled = true;
    strand.state.ledger.settle(child.state.ledger.delta);
  }
  end({ state }: Strand<Course>): void {
    if (state.parent === null) return;
    state.parent.state.ledger.reserve(state.ledger.delta);
    state.parent.state.meter.addWork(state.meter);
    const { tape } = state.parent.state;
    if (tape === null || state.name === null) return;
    // All that it spent, waits apart, in one piece: whatever it waited for lay before.
    const nanoseconds = state.meter.spent - state.waited.spent;
    tape.write({ kind: 'start', name: state.name, nanoseconds, isStreamed: isStreamed(state.name) });
  }

  /** Runs the programs side by side until nothing is left to do. */
  run(programs: readonly { rank: Rank; program: Program<unknown>; profiles: Profiles }[]): readonly Strand<Course>[] {
    const strands = programs.map(({ rank, program, profiles }) => new Strand(this, rank, course(profiles), program));
    for (const strand of strands) strand.resume(undefined);
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) next();
    const stuck = strands.filter(({ outcome }) => outcome === null).map(({ rank }) => rank);
    if (stuck.length > 0) throw new Error(`deadlock: ranks ${stuck.join(', ')} wait for messages that nobody sends`);
    return strands;
  }

  #compute(strand: Strand<Course>, { op }: Compute): void {
    if (!isOnHost(op)) strand.state.meter.execute(costOf(op).flops);
    this.#spend(strand, strand.state.override ?? termOfOp(op), opTime(op, this.#machine));
  }

  #send({ rank, state }: Strand<Course>, { to, axis, tag, tensor }: Send): void {
    const link = linkBetween(this.#machine, rank, to);
    const size = sizeOf(tensor);
    const lane = laneOf(rank, axis);
    const pushed = later(latest(state.at, this.#lanes.get(lane) ?? instantZero), pushTime(size, link));
    this.#lanes.set(lane, pushed);
    state.meter.send(axis, size);
    state.tape?.write({ kind: 'send', size });
    if (this.#alone) return;
    const arrival = later(pushed, link.latency);
    const reader = this.#mailbox.put({ from: rank, to, tag }, arrival);
    if (reader === null) return;
    this.#ready.push(() => {
      waitUntil(reader.state, arrival, TERM_OF_AXIS[axis]);
      reader.resume(undefined);
    });
  }

  #receive(strand: Strand<Course>, { from, axis, tag }: Receive): void | typeof blocked {
    strand.state.tape?.write({ kind: 'receive' });
    if (this.#alone) return;
    const arrival = this.#mailbox.take({ from, to: strand.rank, tag }, strand);
    if (arrival === null) return blocked;
    waitUntil(strand.state, arrival, TERM_OF_AXIS[axis]);
  }

  #collective(strand: Strand<Course>, effect: Collective): void {
    const { state, rank } = strand;
    const shape = collectiveShape(effect, this.#machine.scaleUpDomain);
    const scratch = scratchBytes(shape);
    state.ledger.add('communication', scratch);
    const { axis } = effect.group;
    state.meter.send(axis, sentBytes(shape, positionIn(effect.group, rank)));
    const duration = collectiveTime(shape, this.#machine.links);
    // The ranks of a stage are there together; the stages of a pipeline are not.
    if (axis === 'pp') this.#spend(strand, TERM_OF_AXIS[axis], duration, 'meet');
    else this.#spend(strand, TERM_OF_AXIS[axis], duration);
    state.ledger.add('communication', -scratch);
  }

  #section({ rank, state }: Strand<Course>, section: Section): unknown {
    if (section.moment !== null) state.ledger.enter(section.moment);
    if (state.override !== null) return new Descend(section.program());
    const known = state.profiles.get(section.key) ?? this.#record(rank, section, state.profiles);
    state.at = instant(state.at + known.nanoseconds);
    state.tape?.write({ kind: 'run', nanoseconds: known.nanoseconds });
    state.ledger.replay(known.memory);
    state.meter.add(known.meter);
    return known.result;
  }

  /** Runs the section once, by itself, from the instant zero. */
  #record(rank: Rank, { key, term, program }: Section, profiles: Profiles): Profile {
    const strand = new Strand<Course>(this, rank, { ...course(profiles), override: term }, program());
    strand.resume(undefined);
    if (strand.outcome === null) throw new Error(`section '${key}' waits for a message, so it cannot be replayed`);
    const { at, ledger, meter } = strand.state;
    const profile = { nanoseconds: at, memory: ledger.delta, meter, result: strand.outcome.result };
    profiles.set(key, profile);
    return profile;
  }

  /** While it is on its way, a block is held at both ends. */
  #move(strand: Strand<Course>, { block, to }: Move): void {
    strand.state.ledger.add(block.purpose, block.size, to);
    this.#copy(strand, block.size, to);
    strand.state.ledger.add(block.purpose, -block.size, opposite(to));
  }
  #copy(strand: Strand<Course>, size: Bytes, to: Tier): void {
    strand.state.meter.copy(to, size);
    this.#spend(strand, 'offload', hostTime(this.#machine, size));
  }
  #spend({ state }: Strand<Course>, term: Term, duration: Seconds, kind: 'run' | 'meet' = 'run'): void {
    const end = later(state.at, duration);
    state.meter.spend(term, end - state.at);
    state.tape?.write({ kind, nanoseconds: end - state.at });
    state.at = end;
    state.cause = term;
  }
}

/** The rank's traffic with other ranks goes one behind another; what comes from the host or goes there has no part in it. */
const isStreamed = (name: string): boolean => !['load', 'leave', 'return'].some((own) => name.startsWith(own));

const laneOf = (rank: Rank, axis: Axis): number => rank * AXES.length + AXES.indexOf(axis);

const waitUntil = (state: Course, instant: Instant, term: Term): void => {
  if (instant <= state.at) return;
  state.meter.spend(term, instant - state.at);
  state.waited.spend(term, instant - state.at);
  state.at = instant;
  state.cause = term;
};

const mark = ({ state }: Strand<Course>, { subject, event }: Mark): void => {
  if (subject === 'stage') state.marks.set(event, state.at);
};
