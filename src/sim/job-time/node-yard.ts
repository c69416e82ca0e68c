/** Nodes that failed, each on its way back, and how many places of the job that leaves empty. */
import type { NodePool } from './course.ts';

/** A queue in a ring: every repair takes as long, so that nodes return in the order in which they failed. */
export class NodeYard {
  readonly #pool: NodePool;
  readonly #returns: Float64Array;
  #head = 0;
  #count = 0;

  constructor(pool: NodePool) {
    this.#pool = pool;
    this.#returns = new Float64Array(pool.count + pool.spares);
  }

  /** Of nodes that are all away, none is left to fail. */
  fail(now: number): void {
    this.#welcome(now);
    if (this.#count === this.#returns.length) return;
    this.#returns[(this.#head + this.#count++) % this.#returns.length] = now + this.#pool.repair;
  }

  /** Replicas that the job has to do without; at least one always stays, or the job waits for it. */
  replicasLost(now: number): number {
    this.#welcome(now);
    const missing = Math.max(0, this.#count - this.#pool.spares);
    return Math.ceil(missing / this.#pool.perReplica);
  }

  /** When the job can go on: at full strength, or with one replica where it may shrink. */
  readyAt(now: number): number {
    this.#welcome(now);
    const { spares, withoutSpare, replicas, perReplica } = this.#pool;
    const spared = withoutSpare === 'wait' ? 0 : Math.floor((replicas - 1) * perReplica);
    const over = this.#count - spares - spared;
    return over <= 0 ? now : this.#returns[(this.#head + over - 1) % this.#returns.length]!;
  }

  #welcome(now: number): void {
    while (this.#count > 0 && this.#returns[this.#head]! <= now) {
      this.#head = (this.#head + 1) % this.#returns.length;
      this.#count--;
    }
  }
}
