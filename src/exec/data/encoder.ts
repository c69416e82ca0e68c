/** From text to tokens, by whichever tokenizer the scenario names. */
import type { Tokenizer } from '../../scenario/real-run.ts';
import type { Encoder, EncoderReading } from './encoding.ts';
import { fileEncoder } from './file-encoder.ts';
import { gptEncoder } from './gpt-encoder.ts';

export const encoderFor = async (tokenizer: Tokenizer, folders: readonly string[]): Promise<EncoderReading> => {
  if (tokenizer.kind === 'file') return await fileEncoder(tokenizer.path, folders);
  return tokenizer.name === 'bytes' ? { kind: 'encoder', encoder: BYTES } : await gptEncoder(tokenizer.name);
};

/** The 256 values of a byte, of text in UTF-8. */
const BYTES: Encoder = {
  name: 'bytes',
  vocabulary: 256,
  endOfDocument: null,
  file: null,
  encode: (text) => new TextEncoder().encode(text),
};
