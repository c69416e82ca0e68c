/** From text to tokens, by whichever tokenizer the scenario names. */
import type { Tokenizer } from '../../scenario/real-run.ts';
import type { Encoder, EncoderReading } from './encoding.ts';
import { gptEncoder } from './gpt-encoder.ts';
import { fileEncoder } from './file-encoder.ts';

/** `locate` gives the full path of a file that the scenario names. */
export const encoderFor = async (tokenizer: Tokenizer, locate: (path: string) => string): Promise<EncoderReading> => {
  if (tokenizer.kind === 'file') return await fileEncoder(tokenizer.path, locate(tokenizer.path));
  return tokenizer.name === 'bytes' ? { kind: 'encoder', encoder: BYTES } : await gptEncoder(tokenizer.name);
};

/** The 256 values of a byte, of text in UTF-8. */
const BYTES: Encoder = {
  name: 'bytes',
  vocabulary: 256,
  endOfDocument: null,
  encode: (text) => new TextEncoder().encode(text),
};
