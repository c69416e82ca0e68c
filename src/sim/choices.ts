/** The choices by data that another world has made, to be made again in this one, strand by strand. */
import type { Trace } from '../effects/trace.ts';
import type { Rank } from '../units/identity.ts';

export class Choices {
  /** By rank and strand, those that are still to come. */
  readonly #left = new Map<string, (readonly number[])[]>();

  constructor(trace: Trace) {
    for (const entry of trace) {
      if (entry.kind !== 'choice') continue;
      const name = nameOf(entry.rank, entry.strand);
      const answers = this.#left.get(name);
      if (answers === undefined) this.#left.set(name, [entry.answer]);
      else answers.push(entry.answer);
    }
  }

  next(rank: Rank, strand: string): readonly number[] {
    const answer = this.#left.get(nameOf(rank, strand))?.shift();
    if (answer === undefined) throw new Error(`no choice is left to replay for rank ${rank} in strand "${strand}"`);
    return answer;
  }
}

const nameOf = (rank: Rank, strand: string): string => `${rank} ${strand}`;
