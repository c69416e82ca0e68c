/** What the next node of each strand of a rank waits for: strands go on from where they were forked, and wait where they join. */
export class Frontier {
  readonly #last = new Map<string, readonly number[]>();

  of(strand: string): readonly number[] {
    return this.#last.get(strand) ?? [];
  }
  advance(strand: string, nodes: readonly number[]): void {
    this.#last.set(strand, nodes);
  }
  fork(strand: string, child: string): void {
    this.#last.set(child, this.of(strand));
  }
  join(strand: string, child: string): void {
    this.#last.set(
      strand,
      [...new Set([...this.of(strand), ...this.of(child)])].toSorted((a, b) => a - b),
    );
  }
}
