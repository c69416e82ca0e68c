/** Documents as they come from a tokenizer: one list of tokens that grows, and where each document ends. */
export class TokenList {
  #tokens: TokenSlice;
  #length = 0;
  readonly #ends: number[] = [];

  /** Half the memory for vocabularies that 16 bits are enough for. */
  constructor(vocabulary: number) {
    this.#tokens = vocabulary <= 2 ** 16 ? new Uint16Array(FIRST_LENGTH) : new Uint32Array(FIRST_LENGTH);
  }

  /** A document without tokens is none. */
  add(document: ArrayLike<number>, endOfDocument: number | null): void {
    if (document.length === 0) return;
    this.#reserve(document.length + 1);
    this.#tokens.set(document, this.#length);
    this.#length += document.length;
    if (endOfDocument !== null) this.#tokens[this.#length++] = endOfDocument;
    this.#ends.push(this.#length);
  }

  /** The tokens of each document, the last of them the end of the document where the tokenizer has one. */
  documents(): readonly TokenSlice[] {
    return this.#ends.map((end, index) => this.#tokens.subarray(this.#ends[index - 1] ?? 0, end));
  }

  #reserve(count: number): void {
    const old = this.#tokens;
    if (this.#length + count <= old.length) return;
    const length = Math.max(2 * old.length, this.#length + count);
    this.#tokens = old instanceof Uint16Array ? new Uint16Array(length) : new Uint32Array(length);
    this.#tokens.set(old.subarray(0, this.#length));
  }
}

export type TokenSlice = Uint16Array | Uint32Array;

const FIRST_LENGTH = 2 ** 16;
