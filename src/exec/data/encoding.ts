/** What is known of a tokenizer that turns text into tokens. */
import type { DataFaults } from './data-faults.ts';

export interface Encoder {
  /** How complaints call it. */
  readonly name: string;
  /** One more than the largest token. */
  readonly vocabulary: number;
  /** Put behind every document; null where the tokenizer has no such token. */
  readonly endOfDocument: number | null;
  /** Where it was read from; null for one that comes with us. */
  readonly file: TokenizerFile | null;
  readonly encode: (text: string) => ArrayLike<number>;
}

/** A tokenizer.json, and the checksum of its bytes: by its path alone it may be another one later. */
export interface TokenizerFile {
  readonly path: string;
  readonly sha256: string;
}

export type EncoderReading =
  { readonly kind: 'encoder'; readonly encoder: Encoder } | ({ readonly kind: 'refused' } & DataFaults);
