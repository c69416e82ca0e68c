/** A strand's memory effects in the order of its program, to be settled once every strand has ended. */
import type { Moment } from './moment.ts';
import type { Purpose } from './purpose.ts';
import { Ledger } from './ledger.ts';
import type { Tier } from './tier.ts';

type Entry =
  | { readonly kind: 'add'; readonly purpose: Purpose; readonly size: number; readonly tier: Tier }
  | { readonly kind: 'enter'; readonly moment: Moment }
  | { readonly kind: 'fork' | 'join'; readonly child: LedgerTape };

/** Strands that run side by side allocate in an order that depends on time; the tape brings them into the program's. */
export class LedgerTape {
  readonly #entries: Entry[] = [];
  #settled: Ledger | null = null;
  #isJoined = false;

  add(purpose: Purpose, size: number, tier: Tier = 'hbm'): void {
    this.#entries.push({ kind: 'add', purpose, size, tier });
  }
  enter(moment: Moment): void {
    this.#entries.push({ kind: 'enter', moment });
  }
  fork(child: LedgerTape): void {
    this.#entries.push({ kind: 'fork', child });
  }
  /** A strand that is joined again has ended before. */
  join(child: LedgerTape): void {
    if (child.#isJoined) return;
    child.#isJoined = true;
    this.#entries.push({ kind: 'join', child });
  }

  /** The books of this strand and of all that it forked. */
  settle(): Ledger {
    if (this.#settled !== null) return this.#settled;
    const ledger = new Ledger();
    for (const entry of this.#entries)
      switch (entry.kind) {
        case 'add':
          ledger.add(entry.purpose, entry.size, entry.tier);
          break;
        case 'enter':
          ledger.enter(entry.moment);
          break;
        case 'fork':
          ledger.reserve(entry.child.settle().delta);
          break;
        case 'join':
          ledger.settle(entry.child.settle().delta);
          break;
        default:
          entry satisfies never;
      }
    this.#settled = ledger;
    return ledger;
  }
}
