/**
 * Answers effects with virtual time, event by event: every operation, every message of every collective, every lane.
 * The oracle of the other rungs, for small worlds.
 */
import { Lifecycles } from '../actors/lifecycles/lifecycles.ts';
import { messageProgram } from '../collectives/collective.ts';
import { pushTime } from '../collectives/link-rate.ts';
import type { Compute, Load, Mark, Move, Program, Receive, ReceiveAny, Section, Send } from '../effects/effect.ts';
import type { Handlers, World } from '../effects/program.ts';
import { blocked, Descend, Strand } from '../effects/program.ts';
import { sizeOf } from '../effects/tensor.ts';
import type { Trace, TraceEntry } from '../effects/trace.ts';
import { strandPath } from '../effects/trace.ts';
import type { Op } from '../kernels/op.ts';
import { costOf, isOnHost } from '../kernels/op.ts';
import type { Rank } from '../units/identity.ts';
import { blockId } from '../units/identity.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { instantZero, later, plus, times, transferTime, zeroSeconds } from '../units/quantity.ts';
import { Agenda } from './agenda.ts';
import { Choices } from './choices.ts';
import { Draws } from './draws.ts';
import { Cores } from './cores.ts';
import { Detail } from './detail.ts';
import type { Term } from './evaluation.ts';
import type { Tier } from '../memory/tier.ts';
import { opposite } from '../memory/tier.ts';
import type { Reserved } from './lanes.ts';
import { Lanes } from './lanes.ts';
import type { Machine } from './machine.ts';
import { hostTime, linkBetween } from './machine.ts';
import { Mailbox } from './mailbox.ts';
import { opTime } from './op-time.ts';
import type { Path } from './path.ts';
import { path, within } from './path.ts';
import type { Setting } from './setting.ts';
import { TERM_OF_AXIS, termOfOp } from './terms.ts';

export class MessageWorld implements World<Path> {
  readonly #machine: Machine;
  readonly #slowdown: number;
  readonly #agenda = new Agenda();
  readonly #mailbox = new Mailbox<Path>();
  /** What strands wait for. */
  readonly #awaited = new Map<Strand<Path>, Receive>();
  readonly #chooser = new Map<Strand<Path>, ReceiveAny>();
  readonly #lanes: Lanes;
  readonly #lifecycles: Lifecycles;
  readonly #draws: Draws;
  /** Those of another world, to be made again; null: what is expected happens. */
  readonly #choices: Choices | null;
  readonly #trace: TraceEntry[] = [];
  /** Null: nobody asks for more than spans and messages. */
  readonly #detail: Detail | null;
  #now: Instant = instantZero;
  #blocks = 0;

  constructor(
    machine: Machine,
    { seed, conditions, replayed = null, isDetailed = false, entriesMax = Infinity }: Setting,
  ) {
    this.#machine = machine;
    const { cores, scaleUpDomain } = machine;
    this.#lanes = new Lanes(cores === null ? null : new Cores(cores, scaleUpDomain));
    this.#choices = replayed === null ? null : new Choices(replayed);
    this.#slowdown = conditions.slowdown;
    this.#detail = isDetailed ? new Detail(() => this.#now, { trace: this.#trace, entriesMax }) : null;
    this.#draws = new Draws(seed);
    this.#lifecycles = new Lifecycles({
      restart: conditions.restart,
      now: () => this.#now,
      after: (delay, act) => this.#agenda.add(later(this.#now, delay), act),
      onPassage: (passage) => this.#trace.push(passage),
    });
    for (const { at, rank, event } of conditions.incidents)
      this.#agenda.add(at, () => this.#lifecycles.befall(rank, event));
  }

  readonly handlers: Handlers<Path> = {
    compute: (strand, effect) => this.#compute(strand, effect),
    send: (strand, effect) => this.#send(strand, effect),
    receive: (strand, effect) => this.#receive(strand, effect),
    receiveAny: (strand, effect) => this.#receiveAny(strand, effect),
    allocate: ({ rank, state }, { size, purpose, tier }) => {
      state.tape.add(purpose, size, tier);
      this.#detail?.allocated(rank, { purpose, size }, tier);
      return { id: blockId(this.#blocks++), size, purpose, at: null };
    },
    release: ({ rank, state }, { block }) => {
      state.tape.add(block.purpose, -block.size);
      this.#detail?.released(rank, block);
    },
    load: (strand, effect) => this.#load(strand, effect),
    store: (strand, { size }) =>
      this.#occupy(strand, 'storage', {
        name: 'store',
        term: 'input',
        duration: transferTime(size, this.#machine.storageRate),
      }),
    move: (strand, effect) => this.#move(strand, effect),
    copy: (strand, { size, to }) => this.#copy(strand, size, { name: 'copy', to }),
    draw: (_, { stream }) => this.#draws.next(stream),
    sleep: (strand, { delay }) => this.#resumeAt(strand, later(this.#now, delay), 'bubble'),
    now: () => this.#now,
    observe: () => 'go on',
    route: (strand, { expected }) => this.#route(strand, expected),
    mark: (strand, effect) => this.#mark(strand, effect),
    collective: (strand, effect) =>
      new Descend(this.#detail?.collective(strand, effect) ?? messageProgram(effect, strand.rank)),
    section: (strand, effect) => this.#section(strand, effect),
  };

  fork(parent: Strand<Path>, name: string | null): Path {
    const child = path(this.#now, parent, strandPath(parent.state.name, name, parent.state.forkCount++));
    parent.state.tape.fork(child.tape);
    this.#detail?.branched('fork', parent, child);
    return child;
  }
  join(strand: Strand<Path>, child: Strand<Path>): void {
    const { state } = strand;
    this.#goOn(state, child.state.cause);
    this.#detail?.branched('join', strand, child.state);
    if (child.state.parent?.state === state) state.tape.join(child.state.tape);
  }
  end({ state }: Strand<Path>): void {
    state.parent?.state.meter.addWork(state.meter);
  }

  /** Runs the programs side by side until nothing is left to happen. */
  run(programs: readonly { rank: Rank; program: Program<unknown> }[]): readonly Strand<Path>[] {
    const strands = programs.map(({ rank, program }) => new Strand(this, rank, path(instantZero, null, ''), program));
    for (const strand of strands) strand.resume(undefined);
    for (let event = this.#agenda.take(); event !== null; event = this.#agenda.take()) {
      this.#now = event.at;
      event.act();
    }
    const stuck = strands.filter(({ outcome }) => outcome === null).map(({ rank }) => rank);
    if (stuck.length > 0) throw new Error(`deadlock: ranks ${stuck.join(', ')} wait, and nothing is left to happen`);
    return strands;
  }

  get trace(): Trace {
    return this.#trace;
  }

  #compute(strand: Strand<Path>, { op }: Compute): void | typeof blocked {
    const { state, rank } = strand;
    const duration = opTime(op, this.#machine);
    const work = { name: op.kind, op, term: state.override ?? termOfOp(op), duration };
    if (isOnHost(op)) return this.#occupy(strand, 'host', work);
    state.meter.execute(costOf(op).flops);
    if (duration === 0) return;
    this.#lifecycles.whenAble(rank, this.#slowdown, (speed) => {
      this.#occupy(strand, 'compute', speed === 1 ? work : { ...work, duration: times(duration, 1 / speed) });
    });
    return blocked;
  }

  /** States are there before the first step, which is what is timed. */
  #load(strand: Strand<Path>, { into, source }: Load): void | typeof blocked {
    if (source.kind === 'states') return;
    const duration = hostTime(this.#machine, sizeOf(into));
    return this.#occupy(strand, 'pcie', { name: 'load', term: 'input', duration });
  }

  /** While it is on its way, a block is held at both ends. */
  #move(strand: Strand<Path>, { block, to }: Move): typeof blocked {
    strand.state.tape.add(block.purpose, block.size, to);
    strand.state.tape.add(block.purpose, -block.size, opposite(to));
    this.#detail?.moved(strand.rank, block, to);
    return this.#copy(strand, block.size, { name: 'move', to });
  }
  /** Each direction of the bus is a lane; what the loader reads is too little to be in the way. */
  #copy(strand: Strand<Path>, size: Bytes, { name, to }: { name: string; to: Tier }): typeof blocked {
    strand.state.meter.copy(to, size);
    return this.#occupy(strand, `pcie to ${to}`, { name, term: 'offload', duration: hostTime(this.#machine, size) });
  }

  /** Keeps a lane of the rank busy, behind what it is already busy with, and resumes the strand when that is done. */
  #occupy(
    strand: Strand<Path>,
    lane: string,
    { name, op, term, duration }: { name: string; op?: Op; term: Term; duration: Seconds },
  ): typeof blocked {
    const { rank } = strand;
    const { start, end } = this.#reserve(rank, lane, duration);
    this.#trace.push({ kind: 'span', rank, lane, name, start, end, ...this.#detail?.of(strand, op) });
    return this.#resumeAt(strand, end, term);
  }

  #reserve(rank: Rank, lane: string, duration: Seconds): Reserved {
    return this.#lanes.reserve(rank, lane, { at: this.#now, duration });
  }

  #resumeAt(strand: Strand<Path>, instant: Instant, term: Term): typeof blocked {
    this.#agenda.add(instant, () => this.#resume(strand, undefined, term));
    return blocked;
  }
  #resume(strand: Strand<Path>, answer: unknown, term: Term): void {
    this.#goOn(strand.state, term);
    strand.resume(answer);
  }
  /** The strand goes on now; since it last did, its time went to `term`. */
  #goOn(state: Path, term: Term): void {
    if (this.#now === state.at) return;
    state.meter.spend(term, this.#now - state.at);
    state.at = this.#now;
    state.cause = term;
  }

  #send({ rank, state }: Strand<Path>, { to, axis, tag, tensor }: Send): void {
    const link = linkBetween(this.#machine, rank, to);
    const isNear = link === this.#machine.links.scaleUp;
    const size = sizeOf(tensor);
    const lane = `${isNear ? 'scale-up' : 'nic'} ${axis}`;
    const gone = this.#machine.cores === null ? this.#reserve(rank, lane, pushTime(size, link)).end : this.#now;
    const arrived = later(gone, link.latency);
    state.meter.send(axis, size);
    const sent = this.#now;
    this.#trace.push({ kind: 'message', from: rank, to, axis, tag, strand: state.name, size, sent, arrived });
    this.#agenda.add(arrived, () => this.#deliver(rank, to, tag, arrived));
  }

  #deliver(from: Rank, to: Rank, tag: number, arrived: Instant): void {
    const reader = this.#mailbox.put({ from, to, tag }, arrived);
    if (reader !== null) {
      const effect = this.#awaited.get(reader)!;
      this.#awaited.delete(reader);
      if (this.#read(reader, effect, this.#machine.wake) !== blocked)
        this.#resume(reader, undefined, reader.state.cause);
      return;
    }
    for (const [strand, effect] of this.#chooser)
      if (strand.rank === to && effect.tag === tag && effect.from.includes(from)) {
        this.#chooser.delete(strand);
        const answer = this.#receiveAny(strand, effect);
        if (answer !== blocked) this.#resume(strand, answer, TERM_OF_AXIS[effect.axis]);
        return;
      }
  }

  #receive(strand: Strand<Path>, effect: Receive): void | typeof blocked {
    const { rank, state } = strand;
    const { from, axis, tag } = effect;
    if (this.#mailbox.take({ from, to: rank, tag }, strand) !== null) return this.#read(strand, effect);
    state.cause = TERM_OF_AXIS[axis];
    this.#awaited.set(strand, effect);
    return blocked;
  }

  /** `wake`: what it takes until a strand that had to wait goes on. Where ranks share cores, each reads for itself what was sent to it, and computes nothing meanwhile. */
  #read(strand: Strand<Path>, effect: Receive, wake: Seconds = zeroSeconds): void | typeof blocked {
    const { rank } = strand;
    if (this.#machine.cores === null) return this.#received(strand, effect);
    const { from, axis, into } = effect;
    const duration = plus(wake, pushTime(sizeOf(into), linkBetween(this.#machine, from, rank)));
    const { start, end } = this.#reserve(rank, 'compute', duration);
    this.#trace.push({ kind: 'span', rank, lane: 'receive', name: axis, start, end, ...this.#detail?.of(strand) });
    this.#agenda.add(end, () => {
      this.#received(strand, effect);
      this.#resume(strand, undefined, TERM_OF_AXIS[axis]);
    });
    return blocked;
  }
  #received(strand: Strand<Path>, { from, axis, tag, into }: Receive): void {
    const more = this.#detail?.wait(strand);
    this.#trace.push({ kind: 'receipt', from, to: strand.rank, axis, tag, size: sizeOf(into), at: this.#now, ...more });
  }

  #receiveAny(strand: Strand<Path>, effect: ReceiveAny): Rank | typeof blocked {
    const { axis, tag, into } = effect;
    const from = effect.from.find((sender) => this.#mailbox.holds({ from: sender, to: strand.rank, tag }));
    if (from === undefined) {
      this.#chooser.set(strand, effect);
      return blocked;
    }
    this.#mailbox.take({ from, to: strand.rank, tag }, strand);
    this.#received(strand, { kind: 'receive', from, axis, tag, into });
    return from;
  }

  #route({ rank, state }: Strand<Path>, expected: readonly number[]): readonly number[] {
    const answer = this.#choices?.next(rank, state.name) ?? expected;
    this.#trace.push({ kind: 'choice', rank, strand: state.name, answer, at: this.#now });
    return answer;
  }

  #mark({ rank, state }: Strand<Path>, { subject, event }: Mark): void {
    this.#lifecycles.mark(rank, subject, event);
    if (subject === 'stage') state.marks.set(event, this.#now);
  }

  #section(strand: Strand<Path>, effect: Section): Descend {
    const { state } = strand;
    const { program, term, moment } = effect;
    if (moment !== null) state.tape.enter(moment);
    const whole = term === null ? program() : within(state, term, program());
    return new Descend(this.#detail?.section(strand, effect, whole) ?? whole);
  }
}
