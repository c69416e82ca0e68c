/** A backend that notes how long each operation takes, and how long the rank is busy with other things ahead of it. */
import type { Backend } from '../../kernels/backend.ts';
import type { Op } from '../../kernels/op.ts';

/** All runs of one operation, in seconds. */
export interface OpTiming {
  readonly op: Op;
  readonly seconds: readonly number[];
  /** From the end of the operation before it to its own start. */
  readonly gaps: readonly number[];
}

export class Stopwatch {
  /** The same backend; what it notes is put in order by `timings`, after the run. */
  readonly backend: Backend;
  readonly #ops: Op[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(backend: Backend, clock: () => number) {
    this.backend = {
      name: backend.name,
      run: (op, inputs, outputs) => {
        this.#ops.push(op);
        this.#starts.push(clock());
        backend.run(op, inputs, outputs);
        this.#ends.push(clock());
      },
    };
  }

  timings(): readonly OpTiming[] {
    const byOp = new Map<string, { op: Op; seconds: number[]; gaps: number[] }>();
    for (const [index, op] of this.#ops.entries()) {
      const key = JSON.stringify(op, withoutRates);
      let same = byOp.get(key);
      if (same === undefined) byOp.set(key, (same = { op, seconds: [], gaps: [] }));
      const start = this.#starts[index]!;
      same.seconds.push(this.#ends[index]! - start);
      if (index > 0) same.gaps.push(start - this.#ends[index - 1]!);
    }
    return [...byOp.values()];
  }
}

/** A step of the optimizer costs the same whatever its number and its rates. */
const withoutRates = (key: string, value: unknown): unknown => (key === 'rates' ? null : value);
