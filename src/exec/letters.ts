/** What a rank sends and receives: strands meet letters here, and nothing that is sent changes before it is read. */
import type { Receive, ReceiveAny, Send } from '../effects/effect.ts';
import type { Strand } from '../effects/program.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import { sizeOf } from '../effects/tensor.ts';
import type { Scene } from '../effects/trace.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import { instantZero } from '../units/quantity.ts';
import type { Arena } from './arena.ts';
import { Inbox } from './inbox.ts';
import { operandOf, startOf } from './operand.ts';
import { Outbox } from './outbox.ts';
import type { Recorder } from './recorder.ts';
import type { Timesheet } from './timesheet.ts';
import type { Arrival, Transport } from './transport.ts';

/** What letters know of a strand. */
interface Named {
  readonly path: string;
  readonly scene: Scene;
}
interface Reader<State> {
  readonly strand: Strand<State>;
  readonly wanted: Receive | ReceiveAny;
  readonly asked: Instant;
}
interface Sender<State> {
  readonly strand: Strand<State>;
  readonly effect: Send;
}

export class Letters<State extends Named> {
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #inbox = new Inbox<Reader<State>>();
  /** Strands whose letters find no room, by the rank they are for. */
  readonly #senders = new Map<Rank, Sender<State>[]>();
  readonly #recorder: Recorder | null;
  readonly #watch: Recorder | Timesheet | null;
  #bell: number;

  constructor({
    arena,
    transport,
    recorder,
    timesheet = null,
  }: {
    arena: Arena;
    transport: Transport;
    recorder: Recorder | null;
    timesheet?: Timesheet | null;
  }) {
    this.#transport = transport;
    this.#outbox = new Outbox(arena, transport);
    this.#recorder = recorder;
    this.#watch = recorder ?? timesheet;
    this.#bell = transport.bell();
  }

  /** Puts a letter on its way; false if there is no room, and the strand must wait. */
  send(strand: Strand<State>, effect: Send): boolean {
    const waiting = this.#senders.get(effect.to);
    if (waiting !== undefined) waiting.push({ strand, effect });
    else if (this.#post({ strand, effect })) return true;
    else this.#senders.set(effect.to, [{ strand, effect }]);
    return false;
  }

  /** Reads the letter that is wanted and says whose it is; null if it is not there, and the strand must wait. */
  receive(strand: Strand<State>, wanted: Receive | ReceiveAny): Rank | null {
    const { tag } = wanted;
    const reader = { strand, wanted, asked: this.#recorder?.asked() ?? instantZero };
    const arrival =
      wanted.kind === 'receive'
        ? this.#inbox.take(wanted.from, tag, reader)
        : this.#inbox.takeAny(wanted.from, tag, reader);
    if (arrival !== null) this.#read(arrival, reader);
    return arrival?.from ?? null;
  }

  /** The bell has rung since the last `poll`. */
  get isRung(): boolean {
    return this.#transport.bell() !== this.#bell;
  }
  /** Takes in what has come, and posts what now finds room: what lets strands go on with these answers. */
  poll(goOn: (strand: Strand<State>, answer: unknown) => void): void {
    this.#bell = this.#transport.bell();
    for (let arrival = this.#transport.take(); arrival !== null; arrival = this.#transport.take()) {
      this.#recorder?.arrived(arrival);
      const reader = this.#inbox.put(arrival);
      if (reader === null) continue;
      this.#read(arrival, reader);
      goOn(reader.strand, reader.wanted.kind === 'receive' ? undefined : arrival.from);
    }
    for (const [to, waiting] of this.#senders) {
      while (waiting.length > 0 && this.#post(waiting[0]!)) goOn(waiting.shift()!.strand, undefined);
      if (waiting.length === 0) this.#senders.delete(to);
    }
  }
  /** Waits for the bell, after `poll`: see `Transport.wait`. */
  wait(limit: number | null): ReturnType<Transport['wait']> {
    return this.#transport.wait(this.#bell, limit);
  }

  /** Ahead of every write: what was sent from there and not yet read must not change. */
  clear(tensor: Tensor): void {
    this.#outbox.clear(startOf(tensor.block), operandOf(tensor).at, sizeOf(tensor));
  }
  /** Gives the block's bytes back once nobody has to read them any more. */
  release(block: Block): void {
    this.#outbox.release(startOf(block));
  }
  /** Gives back what was released and has been read since; false while there is more of it. */
  tidy(): boolean {
    return this.#outbox.tidy();
  }

  /** What strands wait for, in words. */
  get awaited(): string {
    const letters = this.#inbox.readers.map(({ strand, wanted: { from, axis, tag } }) => {
      const senders = typeof from === 'number' ? `rank ${from}` : `one of ranks ${from.join(', ')}`;
      return `a letter from ${senders} (${axis}, tag ${tag})${inStrand(strand)}`;
    });
    const rooms = [...this.#senders].flatMap(([to, waiting]) =>
      waiting.map(({ strand }) => `room for a letter to rank ${to}${inStrand(strand)}`),
    );
    return [...letters, ...rooms].join('; ') || 'nothing';
  }

  #post({ strand, effect }: Sender<State>): boolean {
    const { to, axis, tag, tensor } = effect;
    const letter = { to, axis, tag, at: operandOf(tensor).at, size: sizeOf(tensor) };
    const posted = this.#outbox.post(startOf(tensor.block), letter);
    if (posted === null) return false;
    this.#recorder?.sent(effect, strand.state.path, posted);
    return true;
  }

  #read(arrival: Arrival, { strand, wanted, asked }: Reader<State>): void {
    const { scene } = strand.state;
    const { into, axis, tag } = wanted;
    const size = sizeOf(into);
    if (arrival.size !== size)
      throw new RangeError(`${arrival.size} bytes from rank ${arrival.from} (${axis}, tag ${tag}) for ${size} bytes`);
    this.clear(into);
    const read = (): void => this.#transport.read(arrival, operandOf(into).at);
    if (this.#watch === null) return read();
    this.#watch.span('receive', axis, read, { scene });
    this.#recorder?.received(arrival.from, wanted, { asked, scene });
  }
}

const inStrand = <State extends Named>({ state: { path } }: Strand<State>): string =>
  path === '' ? '' : ` in strand ${path}`;
