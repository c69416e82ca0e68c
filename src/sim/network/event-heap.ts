/** Events still to come, as numbers: earliest first, and those of one instant in the order in which they were added. */

/** A binary heap on (time, sequence) in typed arrays, which grow by doubling: no event is an object. */
export class EventHeap {
  #time = new Float64Array(1024);
  #sequence = new Float64Array(1024);
  #event = new Int32Array(1024);
  #count = 0;
  #added = 0;

  get count(): number {
    return this.#count;
  }
  /** When the next event is; infinite if there is none. */
  get nextTime(): number {
    return this.#count === 0 ? Infinity : this.#time[0]!;
  }

  add(time: number, event: number): void {
    if (this.#count === this.#time.length) this.#grow();
    const sequence = this.#added++;
    let hole = this.#count++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!(time < this.#time[parent]!)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#time[hole] = time;
    this.#sequence[hole] = sequence;
    this.#event[hole] = event;
  }

  /** The next event, taken off. */
  take(): number {
    if (this.#count === 0) throw new RangeError('no event is left');
    const event = this.#event[0]!;
    const last = --this.#count;
    if (last > 0) this.#sink(this.#time[last]!, this.#sequence[last]!, this.#event[last]!);
    return event;
  }

  #sink(time: number, sequence: number, event: number): void {
    const count = this.#count;
    let hole = 0;
    for (let child = 1; child < count; child = 2 * hole + 1) {
      if (child + 1 < count && this.#precedes(child + 1, this.#time[child]!, this.#sequence[child]!)) child++;
      if (!this.#precedes(child, time, sequence)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#time[hole] = time;
    this.#sequence[hole] = sequence;
    this.#event[hole] = event;
  }
  #precedes(at: number, time: number, sequence: number): boolean {
    const own = this.#time[at]!;
    return own < time || (own === time && this.#sequence[at]! < sequence);
  }
  #move(from: number, to: number): void {
    this.#time[to] = this.#time[from]!;
    this.#sequence[to] = this.#sequence[from]!;
    this.#event[to] = this.#event[from]!;
  }
  #grow(): void {
    this.#time = grown(this.#time, new Float64Array(2 * this.#count));
    this.#sequence = grown(this.#sequence, new Float64Array(2 * this.#count));
    this.#event = grown(this.#event, new Int32Array(2 * this.#count));
  }
}

const grown = <A extends Float64Array | Int32Array>(old: A, fresh: A): A => {
  fresh.set(old);
  return fresh;
};
