/**
 * Every message among ranks that all do the same, each with its neighbours: one program is run and written down, and played
 * by all of them, its peers as far away from each as they are from rank 0, around the circle.
 */
import { pushTime } from '../collectives/link-rate.ts';
import type { Program } from '../effects/effect.ts';
import type { World } from '../effects/program.ts';
import { Strand } from '../effects/program.ts';
import { sizeOf } from '../effects/tensor.ts';
import { rank } from '../units/identity.ts';
import type { Bytes } from '../units/quantity.ts';
import { instantZero, later } from '../units/quantity.ts';
import type { Machine } from './machine.ts';
import type { MessageCourse } from './message-crowd.ts';
import { oneStrand, refuse } from './one-strand.ts';
import { opTime } from './op-time.ts';

type Line =
  | { readonly kind: 'run'; readonly nanoseconds: number }
  /** `by`: how far round the circle the peer is; `letter`: which of the peer's letters this is. */
  | { readonly kind: 'send'; readonly by: number; readonly letter: number; readonly size: Bytes }
  | { readonly kind: 'receive'; readonly letter: number };

/** Writes down what rank 0 of so many does. */
class Scribe implements World<null> {
  readonly lines: Line[] = [];
  letters = 0;
  readonly #machine: Machine;
  readonly #ranks: number;
  /** By distance and tag, the letters that are sent and received, in their order: of all ranks, for all do the same. */
  readonly #sent = new Map<string, number>();
  readonly #received = new Map<string, number[]>();

  constructor(machine: Machine, ranks: number) {
    this.#machine = machine;
    this.#ranks = ranks;
  }

  readonly handlers = oneStrand({
    compute: (_, { op }) => this.#run(later(instantZero, opTime(op, this.#machine))),
    send: (_, { to, tag, tensor }) => {
      const channel = `${to} ${tag}`;
      const ordinal = this.#sent.get(channel) ?? 0;
      this.#sent.set(channel, ordinal + 1);
      const letter = this.#letterOf(channel, ordinal);
      this.lines.push({ kind: 'send', by: to, letter, size: sizeOf(tensor) });
    },
    receive: (_, { from, tag }) => {
      // Whoever is so far behind sends that far ahead.
      const channel = `${(this.#ranks - from) % this.#ranks} ${tag}`;
      const ordinal = this.#taken.get(channel) ?? 0;
      this.#taken.set(channel, ordinal + 1);
      this.lines.push({ kind: 'receive', letter: this.#letterOf(channel, ordinal) });
    },
    sleep: (_, { delay }) => this.#run(later(instantZero, delay)),
  });
  readonly #taken = new Map<string, number>();
  fork(): null {
    return refuse();
  }
  join(): void {
    refuse();
  }
  end(): void {}

  #run(nanoseconds: number): void {
    if (nanoseconds > 0) this.lines.push({ kind: 'run', nanoseconds });
  }
  /** The n-th on a channel that is sent is the n-th that is received. */
  #letterOf(channel: string, ordinal: number): number {
    const letters = this.#received.get(channel) ?? [];
    this.#received.set(channel, letters);
    return (letters[ordinal] ??= this.letters++);
  }
}

const RUN = 0;
const SEND = 1;
const NOBODY = -1;

/** `program` is that of rank 0. */
export const rotatingCrowd = (ranks: number, program: Program<unknown>, machine: Machine): MessageCourse => {
  const scribe = new Scribe(machine, ranks);
  new Strand(scribe, rank(0), null, program).resume(undefined);
  const { lines, letters } = scribe;
  const { scaleUp, nic } = machine.links;
  const kinds = Uint8Array.from(lines, ({ kind }) => (kind === 'run' ? RUN : kind === 'send' ? SEND : 2));
  const numbers = Int32Array.from(lines, (line) => (line.kind === 'run' ? 0 : line.letter));
  const ways = Int32Array.from(lines, (line) => (line.kind === 'send' ? line.by : 0));
  const time = (line: Line, link: typeof nic): number => {
    if (line.kind === 'run') return line.nanoseconds;
    return line.kind === 'send' ? later(instantZero, pushTime(line.size, link)) : 0;
  };
  const near = Float64Array.from(lines, (line) => time(line, scaleUp));
  const far = Float64Array.from(lines, (line) => time(line, nic));
  const [nearLatency, farLatency] = [scaleUp, nic].map(({ latency }) => later(instantZero, latency));
  const at = new Float64Array(ranks);
  const places = new Int32Array(ranks);
  const free = [new Float64Array(ranks), new Float64Array(ranks)] as const;
  const arrivals = new Float64Array(ranks * letters).fill(NOBODY);
  const isAwaited = new Uint8Array(ranks * letters);
  const ready = Int32Array.from({ length: ranks }, (_, index) => ranks - 1 - index);
  const domainOf = Int32Array.from({ length: ranks }, (_, self) => Math.floor(self / machine.scaleUpDomain));
  for (let count = ranks; count > 0;) {
    const self = ready[--count]!;
    let now = at[self]!;
    let line = places[self]!;
    for (; line < kinds.length; line++) {
      const kind = kinds[line]!;
      if (kind === RUN) now += near[line]!;
      else if (kind === SEND) {
        const to = (self + ways[line]!) % ranks;
        const isNear = domainOf[self] === domainOf[to];
        const lane = isNear ? free[0] : free[1];
        const gone = Math.max(now, lane[self]!) + (isNear ? near[line]! : far[line]!);
        lane[self] = gone;
        const letter = to * letters + numbers[line]!;
        arrivals[letter] = gone + (isNear ? nearLatency! : farLatency!);
        if (isAwaited[letter] === 1) ready[count++] = to;
      } else {
        const letter = self * letters + numbers[line]!;
        const arrival = arrivals[letter]!;
        if (arrival === NOBODY) {
          isAwaited[letter] = 1;
          break;
        }
        if (arrival > now) now = arrival;
      }
    }
    at[self] = now;
    places[self] = line;
  }
  if (places.some((place) => place < kinds.length))
    throw new Error('deadlock: ranks wait for messages that nobody sends');
  const sent = lines.reduce((sum, line) => sum + (line.kind === 'send' ? line.size : 0), 0);
  const messages = ranks * lines.filter(({ kind }) => kind === 'send').length;
  return { ends: at, messages, sent: new Float64Array(ranks).fill(sent) };
};
