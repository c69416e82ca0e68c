/** Keeps the books of a rank's memory, on the card and on its host: how much is allocated for what, and the most there ever was. */
import type { Purpose } from './purpose.ts';
import { PURPOSES } from './purpose.ts';
import type { Tier } from './tier.ts';
import type { Moment } from './moment.ts';
import { totalRecord } from '../units/total-record.ts';

/** What a piece of program did to memory: what it left behind, and its peak above where it began. */
export interface MemoryDelta {
  readonly net: readonly number[];
  readonly peak: number;
  readonly peakByPurpose: readonly number[];
  /** The same of the host's memory, whatever for. */
  readonly host: HostDelta;
}
export interface HostDelta {
  readonly net: number;
  readonly peak: number;
}

const INDEX: Readonly<Record<Purpose, number>> = totalRecord(PURPOSES, (_, index) => index);

/**
 * The order of the entries is the program's order. A strand that is forked counts with its own peak from its fork to
 * its join, whenever in between it really allocates: so the peak does not depend on time, and is the same in both worlds.
 */
export class Ledger {
  readonly #held: number[] = PURPOSES.map(() => 0);
  #total = 0;
  #peak = 0;
  #peakByPurpose: readonly number[] = PURPOSES.map(() => 0);
  #hostHeld = 0;
  #hostPeak = 0;
  #moment: Moment | null = null;
  #peakMoment: Moment | null = null;

  add(purpose: Purpose, size: number, tier: Tier = 'hbm'): void {
    if (tier === 'dram') return this.#addHost(size);
    this.#held[INDEX[purpose]]! += size;
    this.#total += size;
    if (this.#total > this.#peak) this.#record(this.#total, this.#held);
  }

  /** From now on, a new peak belongs to this moment. */
  enter(moment: Moment): void {
    this.#moment = moment;
  }

  /** A piece of program ran from start to end. */
  replay({ net, peak, peakByPurpose, host }: MemoryDelta): void {
    if (this.#total + peak > this.#peak)
      this.#record(
        this.#total + peak,
        this.#held.map((held, index) => held + peakByPurpose[index]!),
      );
    this.#shift(net, 1);
    this.#addHost(host.peak);
    this.#hostHeld += host.net - host.peak;
  }

  /** A strand is on its way: until it is joined it may hold its peak. */
  reserve({ peakByPurpose, host }: MemoryDelta): void {
    this.#shift(peakByPurpose, 1);
    this.#addHost(host.peak);
    if (this.#total > this.#peak) this.#record(this.#total, this.#held);
  }
  /** The strand has ended: only what it left behind is held. */
  settle({ net, peakByPurpose, host }: MemoryDelta): void {
    this.#shift(peakByPurpose, -1);
    this.#shift(net, 1);
    this.#hostHeld += host.net - host.peak;
  }

  get delta(): MemoryDelta {
    const host = { net: this.#hostHeld, peak: this.#hostPeak };
    return { net: [...this.#held], peak: this.#peak, peakByPurpose: this.#peakByPurpose, host };
  }
  get peakMoment(): Moment | null {
    return this.#peakMoment;
  }

  #addHost(size: number): void {
    this.#hostHeld += size;
    if (this.#hostHeld > this.#hostPeak) this.#hostPeak = this.#hostHeld;
  }
  #shift(amounts: readonly number[], sign: 1 | -1): void {
    for (let index = 0; index < amounts.length; index++) {
      const amount = sign * amounts[index]!;
      if (amount === 0) continue;
      this.#held[index]! += amount;
      this.#total += amount;
    }
  }
  #record(peak: number, byPurpose: readonly number[]): void {
    this.#peak = peak;
    this.#peakByPurpose = [...byPurpose];
    this.#peakMoment = this.#moment;
  }
}
