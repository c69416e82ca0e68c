/** What happened on a rank, written down on it while it runs; the logs of all ranks together are a trace. */
import type { Receive, Send } from '../effects/effect.ts';
import { sizeOf } from '../effects/tensor.ts';
import type { Choice, Message, Receipt, Span, Trace, TraceEntry } from '../effects/trace.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import type { Arrival, Posted } from './transport.ts';

/** Its letters to `to`, in the order of their numbers, with no arrival yet. */
type Sent = Omit<Message, 'arrived'> & { readonly number: number };
/** When a letter was here. */
interface Arrived extends Pick<Message, 'from' | 'to'> {
  readonly number: number;
  readonly at: Instant;
}
/** Plain data, to be sent from thread to thread. */
export interface RankLog {
  readonly sent: readonly Sent[];
  readonly arrived: readonly Arrived[];
  readonly entries: readonly (Span | Receipt | Choice)[];
}

export class Recorder {
  readonly #rank: Rank;
  readonly #now: () => Instant;
  readonly #sent: Sent[] = [];
  readonly #arrived: Arrived[] = [];
  readonly #entries: (Span | Receipt | Choice)[] = [];

  constructor(rank: Rank, now: () => Instant) {
    this.#rank = rank;
    this.#now = now;
  }

  sent({ to, axis, tag, tensor }: Send, strand: string, { number }: Posted): void {
    const size = sizeOf(tensor);
    this.#sent.push({ kind: 'message', from: this.#rank, to, axis, tag, strand, size, sent: this.#now(), number });
  }
  arrived({ from, number }: Arrival): void {
    this.#arrived.push({ from, to: this.#rank, number, at: this.#now() });
  }
  received(from: Rank, { axis, tag, into }: Pick<Receive, 'axis' | 'tag' | 'into'>): void {
    const size = sizeOf(into);
    this.#entries.push({ kind: 'receipt', from, to: this.#rank, axis, tag, size, at: this.#now() });
  }
  chose(answer: readonly number[], strand: string): void {
    this.#entries.push({ kind: 'choice', rank: this.#rank, strand, answer, at: this.#now() });
  }
  /** Does something that keeps the lane busy. */
  span<Result>(lane: string, name: string, act: () => Result): Result {
    const start = this.#now();
    const result = act();
    this.#entries.push({ kind: 'span', rank: this.#rank, lane, name, start, end: this.#now() });
    return result;
  }

  get log(): RankLog {
    return { sent: this.#sent, arrived: this.#arrived, entries: this.#entries };
  }
}

/** All that happened, rank by rank, each in its own order; a message stands where it was sent. */
export const traceOf = (logs: readonly RankLog[]): Trace => {
  const arrivals = new Map<string, Instant>();
  for (const { arrived } of logs) for (const one of arrived) arrivals.set(letterOf(one), one.at);
  return logs.flatMap(({ sent, entries }): TraceEntry[] => [
    ...sent.map(({ number, ...message }): Message => {
      const arrived = arrivals.get(letterOf({ ...message, number }));
      if (arrived === undefined)
        throw new Error(`letter ${number} from ${message.from} to ${message.to} never arrived`);
      return { ...message, arrived };
    }),
    ...entries,
  ]);
};
const letterOf = ({ from, to, number }: Pick<Arrived, 'from' | 'to' | 'number'>): string => `${from} ${to} ${number}`;
