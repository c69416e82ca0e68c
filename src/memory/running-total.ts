/** What a rank holds now, by purpose and tier: in the order of time, unlike the books, and therefore never above them. */
import type { Bytes } from '../units/quantity.ts';
import { minus, plus, zeroBytes } from '../units/quantity.ts';
import type { Purpose } from './purpose.ts';
import type { Tier } from './tier.ts';

export class RunningTotal {
  readonly #held: Readonly<Record<Tier, Map<Purpose, Bytes>>> = { hbm: new Map(), dram: new Map() };

  /** The answer: what is held for the purpose in that tier from now on. */
  add(purpose: Purpose, size: Bytes, tier: Tier): Bytes {
    return this.#set(purpose, tier, plus(this.#of(purpose, tier), size));
  }
  remove(purpose: Purpose, size: Bytes, tier: Tier): Bytes {
    return this.#set(purpose, tier, minus(this.#of(purpose, tier), size));
  }

  #of(purpose: Purpose, tier: Tier): Bytes {
    return this.#held[tier].get(purpose) ?? zeroBytes;
  }
  #set(purpose: Purpose, tier: Tier, size: Bytes): Bytes {
    this.#held[tier].set(purpose, size);
    return size;
  }
}
