/**
 * Answers the effects of one rank for real: computes on its memory, exchanges letters, and keeps the books as a simulation
 * does. One thread runs all strands of the rank, each until it has to wait.
 */
import { Lifecycles } from '../actors/lifecycles/lifecycles.ts';
import { messageProgram } from '../collectives/collective.ts';
import type { Collective, Compute, Move, Program, Route } from '../effects/effect.ts';
import type { Handlers, World } from '../effects/program.ts';
import { blocked, Descend, Strand } from '../effects/program.ts';
import { elementsOf, sizeOf } from '../effects/tensor.ts';
import { combining, inSection } from '../effects/scene.ts';
import type { Combining, Scene } from '../effects/trace.ts';
import { sceneOf, strandPath } from '../effects/trace.ts';
import type { Backend } from '../kernels/backend.ts';
import { isOnHost } from '../kernels/op.ts';
import { LedgerTape } from '../memory/ledger-tape.ts';
import type { Purpose } from '../memory/purpose.ts';
import { opposite } from '../memory/tier.ts';
import { blockId } from '../units/identity.ts';
import { later, zeroSeconds } from '../units/quantity.ts';
import type { Arena } from './arena.ts';
import { Alarms } from './alarms.ts';
import { Letters } from './letters.ts';
import { operandOf } from './operand.ts';
import type { Detail, Recorder } from './recorder.ts';
import type { Services } from './services.ts';
import type { Timesheet } from './timesheet.ts';
import type { Transport } from './transport.ts';

/** What a strand carries. */
export interface Errand {
  readonly path: string;
  readonly tape: LedgerTape;
  readonly parent: Errand | null;
  forkCount: number;
  /** What the strand is in the middle of, where somebody asks for such details. */
  scene: Scene;
}
const errand = (path: string, parent: Errand | null): Errand => ({
  path,
  tape: new LedgerTape(),
  parent,
  forkCount: 0,
  scene: parent === null ? sceneOf(path) : { ...parent.scene, strand: path },
});

/** All that a rank works with. */
export interface Seat {
  readonly arena: Arena;
  readonly transport: Transport;
  readonly backend: Backend;
  readonly services: Services;
  /** Null: nothing is written down. */
  readonly recorder: Recorder | null;
  /** Where nothing is written down, somebody may still want to know where the time goes. */
  readonly timesheet?: Timesheet | null;
}

/** Stand for what the runtime takes beside tensors, which this process has taken anyway: nobody reads or writes them. */
const isBodiless = (purpose: Purpose): boolean => purpose === 'framework' || purpose === 'allocator';

export class RankWorld implements World<Errand> {
  readonly #seat: Seat;
  readonly #letters: Letters<Errand>;
  readonly #alarms = new Alarms();
  readonly #lifecycles: Lifecycles;
  /** Strands that can go on, and with what. */
  readonly #ready: { readonly strand: Strand<Errand>; readonly answer: unknown }[] = [];
  #strands = 0;
  #blocks = 0;

  constructor(seat: Seat) {
    this.#seat = seat;
    this.#letters = new Letters(seat);
    this.#lifecycles = this.#lifecyclesOf(seat);
  }

  readonly handlers: Handlers<Errand> = {
    compute: (strand, effect) => this.#compute(strand, effect),
    send: (strand, effect) => (this.#letters.send(strand, effect) ? undefined : blocked),
    receive: (strand, effect) => (this.#letters.receive(strand, effect) === null ? blocked : undefined),
    receiveAny: (strand, effect) => this.#letters.receive(strand, effect) ?? blocked,
    allocate: ({ state }, { size, purpose, tier }) => {
      state.tape.add(purpose, size, tier);
      this.#seat.recorder?.allocated({ purpose, size }, tier);
      this.#letters.tidy();
      const at = isBodiless(purpose) ? null : this.#seat.arena.allocate(size);
      return { id: blockId(this.#blocks++), size, purpose, at };
    },
    release: ({ state }, { block }) => {
      state.tape.add(block.purpose, -block.size);
      this.#seat.recorder?.released(block);
      if (block.at !== null) this.#letters.release(block);
    },
    load: ({ state }, effect) => {
      this.#letters.clear(effect.into);
      this.#timed('pcie', 'load', () => this.#seat.services.load(effect), { scene: state.scene });
    },
    store: ({ state }, effect) =>
      this.#timed('storage', 'store', () => this.#seat.services.store(effect), { scene: state.scene }),
    move: ({ state }, effect) => {
      move(state, effect);
      this.#seat.recorder?.allocated(effect.block, effect.to);
      this.#seat.recorder?.released(effect.block, opposite(effect.to));
    },
    copy: () => undefined,
    draw: (_, { stream }) => this.#seat.services.draw(stream),
    sleep: (strand, { delay }) => {
      this.#alarms.set(later(this.#seat.services.now(), delay), () => this.#goOn(strand));
      return blocked;
    },
    now: () => this.#seat.services.now(),
    observe: (_, effect) => this.#seat.services.observe(effect),
    route: (strand, effect) => this.#route(strand, effect),
    mark: ({ rank }, { subject, event }) => this.#lifecycles.mark(rank, subject, event),
    collective: (strand, effect) => new Descend(this.#collective(strand, effect)),
    section: ({ state }, effect) => {
      if (effect.moment !== null) state.tape.enter(effect.moment);
      return new Descend(this.#isDetailed ? inSection(state, effect, effect.program()) : effect.program());
    },
  };

  fork({ state }: Strand<Errand>, name: string | null): Errand {
    const child = errand(strandPath(state.path, name, state.forkCount++), state);
    state.tape.fork(child.tape);
    this.#seat.recorder?.branched('fork', state.path, child.path);
    this.#strands++;
    return child;
  }
  join({ state }: Strand<Errand>, { state: child }: Strand<Errand>): void {
    this.#seat.recorder?.branched('join', state.path, child.path);
    if (child.parent === state) state.tape.join(child.tape);
  }
  end({ state }: Strand<Errand>): void {
    state.tape.end();
    this.#strands--;
    if (this.#strands === 0) this.#seat.transport.end();
  }

  /** Sets the rank's program up; `advance` runs it. */
  start(program: Program<unknown>): Strand<Errand> {
    if (this.#strands > 0) throw new Error(`rank ${this.#seat.transport.rank} has a program already`);
    const root = new Strand(this, this.#seat.transport.rank, errand('', null), program);
    this.#strands = 1;
    this.#goOn(root);
    return root;
  }
  /** All strands have returned. */
  get isDone(): boolean {
    return this.#strands === 0;
  }

  /** Does what can be done; false if that was nothing. */
  advance(): boolean {
    this.#poll();
    if (this.#ready.length === 0) return false;
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift())
      next.strand.resume(next.answer);
    return true;
  }

  /** Waits until there may be something to do, after `advance` found nothing; throws if there never will be. */
  wait(): void {
    const due = this.#alarms.next;
    const limit = due === null ? null : Math.max(0, due - this.#seat.services.now()) / 1e6;
    const end = this.#timed('idle', 'wait', () => this.#letters.wait(limit));
    if (end === 'stuck') throw new Error(`deadlock: ${this.awaited}`);
  }

  /** Runs the program to its end. */
  run(program: Program<unknown>): Strand<Errand> {
    const root = this.start(program);
    while (!this.isDone) if (!this.advance()) this.wait();
    return root;
  }

  /** A strand sleeps: time alone brings the rank on. */
  get isAsleep(): boolean {
    return this.#alarms.next !== null;
  }
  /** What the rank waits for, in words. */
  get awaited(): string {
    return `rank ${this.#seat.transport.rank} waits for ${this.#letters.awaited}`;
  }
  /** Gives back blocks that were released with unread letters in them; false while there are more. */
  tidy(): boolean {
    return this.#letters.tidy();
  }

  #goOn(strand: Strand<Errand>, answer?: unknown): void {
    this.#ready.push({ strand, answer });
  }
  #poll(): void {
    this.#letters.poll((strand, answer) => this.#goOn(strand, answer));
    if (this.isAsleep) for (const wake of this.#alarms.due(this.#seat.services.now())) wake();
  }

  #compute(strand: Strand<Errand>, { op, inputs, outputs }: Compute): void | typeof blocked {
    for (const output of outputs) this.#letters.clear(output);
    const run = (): void => this.#seat.backend.run(op, inputs.map(operandOf), outputs.map(operandOf));
    this.#timed(isOnHost(op) ? 'host' : 'compute', op.kind, run, { scene: strand.state.scene, op });
    // Other strands take their turn as soon as there is something for them, rather than when this one has to wait.
    if (this.#letters.isRung || this.isAsleep) this.#poll();
    if (this.#ready.length === 0) return;
    this.#goOn(strand);
    return blocked;
  }

  #route({ state }: Strand<Errand>, { tensor, expected }: Route): readonly number[] {
    const { at, dtype } = operandOf(tensor);
    if (dtype !== 'int32') throw new TypeError(`a route by a tensor of ${dtype}: want int32`);
    const { buffer, byteOffset } = this.#seat.arena.view(at, sizeOf(tensor));
    const found = this.#seat.services.route([...new Int32Array(buffer, byteOffset, elementsOf(tensor))]);
    if (found.length !== expected.length)
      throw new RangeError(`a route of ${found.length} numbers: want ${expected.length}`);
    this.#seat.recorder?.chose(found, state.path);
    return found;
  }

  #lifecyclesOf({ services, recorder }: Seat): Lifecycles {
    return new Lifecycles({
      // A rank that fails here is started again as a thread, and its lives begin anew.
      restart: zeroSeconds,
      now: () => services.now(),
      after: (delay, act) => this.#alarms.set(later(services.now(), delay), act),
      onPassage: (passage) => recorder?.passed(passage),
    });
  }

  #collective({ rank, state }: Strand<Errand>, effect: Collective): Program<void> {
    const { recorder, services } = this.#seat;
    const program = messageProgram(effect, rank);
    if (recorder === null || !recorder.isDetailed) return program;
    const note = (entry: Combining): void => recorder.combined(entry);
    return combining(state, effect, program, { rank, now: () => services.now(), note });
  }
  get #isDetailed(): boolean {
    return this.#seat.recorder?.isDetailed ?? false;
  }

  #timed<Result>(lane: string, name: string, act: () => Result, detail?: Detail): Result {
    const watch = this.#seat.recorder ?? this.#seat.timesheet ?? null;
    return watch === null ? act() : watch.span(lane, name, act, detail);
  }
}

/** The bytes stay where they are, for both tiers are this machine's memory: only the books know the difference. */
const move = ({ tape }: Errand, { block, to }: Move): void => {
  tape.add(block.purpose, block.size, to);
  tape.add(block.purpose, -block.size, opposite(to));
};
