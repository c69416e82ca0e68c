/** A backend that notes how long each operation takes, and how long the rank is busy with other things in between. */
import type { Backend } from '../../kernels/backend.ts';
import type { Op } from '../../kernels/op.ts';

/** All runs of one operation, in seconds. */
export interface OpTiming {
  readonly op: Op;
  readonly seconds: readonly number[];
}
export interface RankTiming {
  readonly operations: readonly OpTiming[];
  /** From the end of an operation to the start of the next one. */
  readonly gaps: readonly number[];
}

export class Stopwatch {
  /** The same backend; what it notes is put in order by `timing`, after the run. */
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

  timing(): RankTiming {
    const byOp = new Map<string, { op: Op; seconds: number[] }>();
    for (const [index, op] of this.#ops.entries()) {
      const key = JSON.stringify(op, withoutStep);
      let same = byOp.get(key);
      if (same === undefined) byOp.set(key, (same = { op, seconds: [] }));
      same.seconds.push(this.#ends[index]! - this.#starts[index]!);
    }
    const gaps = this.#starts.slice(1).map((start, index) => start - this.#ends[index]!);
    return { operations: [...byOp.values()], gaps };
  }
}

/** An optimizer's step costs the same whatever its number and its rates. */
const withoutStep = (key: string, value: unknown): unknown => (key === 'rates' ? null : value);
