/** The tokenizer files of a model whose tokens are bytes, so that it can be loaded and talked to elsewhere. */

const BYTES = 256;
/** Bytes that byte-level tokenizers show as the character of that number; the rest have characters from 256 on. */
const SHOWN: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** Byte-level pair encoding without a single pair (`bytes_to_unicode` of openai/gpt-2 has the characters). */
export const byteTokenizer = (positions: number): ReadonlyMap<string, Uint8Array> =>
  new Map([
    ['tokenizer.json', jsonOf(tokenizer())],
    ['tokenizer_config.json', tokenizerSettings(positions)],
  ]);

/** A tokenizer_config.json that adds nothing to what the tokenizer.json beside it does. */
export const tokenizerSettings = (positions: number): Uint8Array =>
  jsonOf({
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: positions,
    clean_up_tokenization_spaces: false,
  });

const jsonOf = (content: object): Uint8Array => Buffer.from(`${JSON.stringify(content, null, 2)}\n`);

const tokenizer = (): object => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(characters().map((character, byte) => [character, byte])),
    merges: [],
  },
});

/** By byte, in order. */
const characters = (): readonly string[] => {
  let next = BYTES;
  return Array.from({ length: BYTES }, (_, byte) => {
    const isShown = SHOWN.some(([first, last]) => byte >= first && byte <= last);
    return String.fromCodePoint(isShown ? byte : next++);
  });
};
