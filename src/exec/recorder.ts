/** What happened on a rank, written down on it while it runs; the logs of all ranks together are a trace. */
import type { Receive, Send } from '../effects/effect.ts';
import { sizeOf } from '../effects/tensor.ts';
import type {
  Branch,
  Choice,
  Combining,
  Held,
  Message,
  Passage,
  Receipt,
  Scene,
  Span,
  Trace,
  TraceEntry,
} from '../effects/trace.ts';
import type { Op } from '../kernels/op.ts';
import type { Purpose } from '../memory/purpose.ts';
import { RunningTotal } from '../memory/running-total.ts';
import type { Tier } from '../memory/tier.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant } from '../units/quantity.ts';
import { instantZero } from '../units/quantity.ts';
import type { Arrival, Posted } from './transport.ts';

/** Its letters to `to`, in the order of their numbers, with no arrival yet. */
type Sent = Omit<Message, 'arrived'> & { readonly number: number };
/** When a letter was here. */
interface Arrived extends Pick<Message, 'from' | 'to'> {
  readonly number: number;
  readonly at: Instant;
}
type Entry = Span | Receipt | Choice | Passage | Combining | Held | Branch;
/** What somebody asks for who wants to see more than spans and messages. */
export interface Detail {
  readonly scene: Scene;
  readonly op?: Op;
}
/** Plain data, to be sent from thread to thread. */
export interface RankLog {
  readonly sent: readonly Sent[];
  readonly arrived: readonly Arrived[];
  readonly entries: readonly Entry[];
}

/** So much for a purpose. */
interface Piece {
  readonly purpose: Purpose;
  readonly size: Bytes;
}
/** Of a strand: since when, and in the middle of what. */
export interface Wait {
  readonly asked: Instant;
  readonly scene: Scene;
}

export class Recorder {
  readonly #rank: Rank;
  readonly #now: () => Instant;
  /** Whether somebody wants to see what the rank holds, and what its strands are in the middle of, as well. */
  readonly isDetailed: boolean;
  readonly #held = new RunningTotal();
  readonly #sent: Sent[] = [];
  readonly #arrived: Arrived[] = [];
  readonly #entries: Entry[] = [];

  constructor(rank: Rank, now: () => Instant, { isDetailed = false }: { readonly isDetailed?: boolean } = {}) {
    this.#rank = rank;
    this.#now = now;
    this.isDetailed = isDetailed;
  }

  sent({ to, axis, tag, tensor }: Send, strand: string, { number }: Posted): void {
    const size = sizeOf(tensor);
    this.#sent.push({ kind: 'message', from: this.#rank, to, axis, tag, strand, size, sent: this.#now(), number });
  }
  arrived({ from, number }: Arrival): void {
    this.#arrived.push({ from, to: this.#rank, number, at: this.#now() });
  }
  /** A strand begins to wait for a letter. */
  asked(): Instant {
    return this.isDetailed ? this.#now() : instantZero;
  }
  received(from: Rank, { axis, tag, into }: Pick<Receive, 'axis' | 'tag' | 'into'>, wait: Wait): void {
    const size = sizeOf(into);
    const more = this.isDetailed ? wait : {};
    this.#entries.push({ kind: 'receipt', from, to: this.#rank, axis, tag, size, at: this.#now(), ...more });
  }
  chose(answer: readonly number[], strand: string): void {
    this.#entries.push({ kind: 'choice', rank: this.#rank, strand, answer, at: this.#now() });
  }
  passed(passage: Passage): void {
    this.#entries.push(passage);
  }
  /** Does something that keeps the lane busy. */
  span<Result>(lane: string, name: string, act: () => Result, detail?: Detail): Result {
    const start = this.#now();
    const result = act();
    const more = this.isDetailed ? detail : undefined;
    this.#entries.push({ kind: 'span', rank: this.#rank, lane, name, start, end: this.#now(), ...more });
    return result;
  }

  allocated({ purpose, size }: Piece, tier: Tier): void {
    if (this.isDetailed) this.#holds(purpose, tier, this.#held.add(purpose, size, tier));
  }
  released({ purpose, size }: Piece, tier: Tier = 'hbm'): void {
    if (this.isDetailed) this.#holds(purpose, tier, this.#held.remove(purpose, size, tier));
  }
  branched(kind: Branch['kind'], strand: string, child: string): void {
    if (this.isDetailed) this.#entries.push({ kind, rank: this.#rank, strand, child, at: this.#now() });
  }
  combined(combining: Combining): void {
    this.#entries.push(combining);
  }

  #holds(purpose: Purpose, tier: Tier, size: Bytes): void {
    this.#entries.push({ kind: 'memory', rank: this.#rank, purpose, tier, size, at: this.#now() });
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
