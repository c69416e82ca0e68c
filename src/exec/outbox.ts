/** Letters of a rank that may not have been read yet, by the block they lie in: what they need is kept until they are. */
import type { Arena } from './arena.ts';
import type { Letter, Posted, Transport } from './transport.ts';

interface Unread {
  readonly posted: Posted;
  readonly at: number;
  readonly size: number;
}

/** A block is named by where it starts. Blocks are released and overwritten here, so that no letter changes on its way. */
export class Outbox {
  readonly #arena: Arena;
  readonly #transport: Transport;
  readonly #unread = new Map<number, Unread[]>();
  /** Blocks that nobody holds any more but the letters in them. */
  readonly #orphans = new Set<number>();

  constructor(arena: Arena, transport: Transport) {
    this.#arena = arena;
    this.#transport = transport;
  }

  post(block: number, letter: Letter): Posted | null {
    const posted = this.#transport.post(letter);
    if (posted === null || letter.size === 0) return posted;
    const { at, size } = letter;
    this.#keep(block, [...this.#unreadIn(block), { posted, at, size }]);
    return posted;
  }

  /** Must be called before `size` bytes from `at` are written: letters among them move elsewhere first. */
  clear(block: number, at: number, size: number): void {
    if (!this.#unread.has(block)) return;
    const unread = this.#unreadIn(block);
    const isHit = (one: Unread): boolean => one.at < at + size && at < one.at + one.size;
    this.#keep(
      block,
      unread.filter((one) => !isHit(one)),
    );
    for (const one of unread) if (isHit(one)) this.#detach(one);
  }

  release(block: number): void {
    if (this.#unreadIn(block).length > 0) this.#orphans.add(block);
    else this.#free(block);
  }

  /** Frees what was released and has been read since; false if there is more that has not been read. */
  tidy(): boolean {
    for (const block of this.#orphans) if (this.#unreadIn(block).length === 0) this.#free(block);
    return this.#orphans.size === 0;
  }

  /** The copy is a block of its own, which the letter alone holds. */
  #detach({ posted, at, size }: Unread): void {
    posted.detach(() => {
      const copy = this.#arena.allocate(size);
      this.#arena.view(copy, size).set(this.#arena.view(at, size));
      this.#keep(copy, [{ posted, at: copy, size }]);
      this.#orphans.add(copy);
      return copy;
    });
  }

  #unreadIn(block: number): readonly Unread[] {
    const all = this.#unread.get(block);
    return all === undefined ? [] : all.filter(({ posted }) => !posted.isRead());
  }
  #keep(block: number, unread: Unread[]): void {
    if (unread.length === 0) this.#unread.delete(block);
    else this.#unread.set(block, unread);
  }
  #free(block: number): void {
    this.#orphans.delete(block);
    this.#unread.delete(block);
    this.#arena.release(block);
  }
}
