/** A strand's memory effects in the order of its program, to be settled once every strand has ended. */
import type { Moment } from './moment.ts';
import type { Purpose } from './purpose.ts';
import { Ledger } from './ledger.ts';
import type { Tier } from './tier.ts';

type Entry =
  | { readonly kind: 'add'; readonly purpose: Purpose; readonly size: number; readonly tier: Tier }
  | { readonly kind: 'enter'; readonly moment: Moment }
  | { readonly kind: 'fork' | 'join'; readonly child: LedgerTape };

/**
 * Strands that run side by side allocate in an order that depends on time; the tape brings them into the program's. What
 * no strand is in the way of is entered into the books at once, so that the tape of a long run stays short.
 */
export class LedgerTape {
  readonly #ledger = new Ledger();
  /** What stands behind a fork of a strand that has not ended yet; the first is that fork. */
  #entries: Entry[] = [];
  #isJoined = false;
  #isEnded = false;

  add(purpose: Purpose, size: number, tier: Tier = 'hbm'): void {
    this.#write({ kind: 'add', purpose, size, tier });
  }
  enter(moment: Moment): void {
    this.#write({ kind: 'enter', moment });
  }
  fork(child: LedgerTape): void {
    this.#write({ kind: 'fork', child });
  }
  /** A strand that is joined again has ended before. */
  join(child: LedgerTape): void {
    if (child.#isJoined) return;
    child.#isJoined = true;
    child.end();
    this.#write({ kind: 'join', child });
  }

  /** This strand has returned; those that it forked may not have. */
  end(): void {
    this.#isEnded = true;
  }

  /** The books of this strand and of all that it forked, once they have ended. */
  settle(): Ledger {
    for (const entry of this.#entries) this.#enter(entry);
    this.#entries = [];
    return this.#ledger;
  }

  #write(entry: Entry): void {
    if (this.#entries.length === 0 && entry.kind !== 'fork') return this.#enter(entry);
    this.#entries.push(entry);
    this.#catchUp();
  }
  #catchUp(): void {
    const open = this.#entries.findIndex((entry) => entry.kind === 'fork' && !entry.child.#isWhole());
    const ready = open === -1 ? this.#entries.length : open;
    for (const entry of this.#entries.splice(0, ready)) this.#enter(entry);
  }
  /** Nothing more will be written on this tape, nor on those of the strands that it forked. */
  #isWhole(): boolean {
    if (!this.#isEnded) return false;
    this.#catchUp();
    return this.#entries.length === 0;
  }

  #enter(entry: Entry): void {
    switch (entry.kind) {
      case 'add':
        return this.#ledger.add(entry.purpose, entry.size, entry.tier);
      case 'enter':
        return this.#ledger.enter(entry.moment);
      case 'fork':
        return this.#ledger.reserve(entry.child.settle().delta);
      case 'join':
        return this.#ledger.settle(entry.child.settle().delta);
      default:
        entry satisfies never;
    }
  }
}
