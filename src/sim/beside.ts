/** Work that a stage has started beside its passes: when each piece ends. */
import type { Instruction } from './tape.ts';

export class Beside {
  /** When what was started and is not yet waited for ends, by name. */
  readonly #ends = new Map<string, number[]>();
  /** When the last piece of the stage's traffic ends. */
  #stream = 0;

  start({ name, nanoseconds, isStreamed }: Extract<Instruction, { kind: 'start' }>, at: number): void {
    const end = (isStreamed ? Math.max(at, this.#stream) : at) + nanoseconds;
    if (isStreamed) this.#stream = end;
    const others = this.#ends.get(name);
    if (others === undefined) this.#ends.set(name, [end]);
    else others.push(end);
  }

  /** When the oldest piece of that name ends, which is waited for now. */
  endOf(name: string): number {
    const end = this.#ends.get(name)?.shift();
    if (end === undefined) throw new Error(`'${name}' is waited for, and was never started`);
    return end;
  }
}
