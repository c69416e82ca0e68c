/** What is known of a tokenizer that turns text into tokens. */

export interface Encoder {
  /** How complaints call it. */
  readonly name: string;
  /** One more than the largest token. */
  readonly vocabulary: number;
  /** Put behind every document; null where the tokenizer has no such token. */
  readonly endOfDocument: number | null;
  readonly encode: (text: string) => ArrayLike<number>;
}

export type EncoderReading =
  { readonly kind: 'encoder'; readonly encoder: Encoder } | { readonly kind: 'refused'; readonly reason: string };
