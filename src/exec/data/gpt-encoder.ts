/** The vocabularies of OpenAI's models, from the package gpt-tokenizer, which most runs do without. */
import { tokenizerFault } from './data-faults.ts';
import type { EncoderReading } from './encoding.ts';

export type GptVocabulary = 'gpt2' | 'cl100k_base' | 'o200k_base';

/** Of the whole package only the tables of one vocabulary are read. GPT-2's is called r50k_base there. */
const TABLES = {
  gpt2: async () => await import('gpt-tokenizer/encoding/r50k_base'),
  cl100k_base: async () => await import('gpt-tokenizer/encoding/cl100k_base'),
  o200k_base: async () => await import('gpt-tokenizer/encoding/o200k_base'),
} as const;

/** `<|endoftext|>` (https://github.com/openai/tiktoken, openai_public.py); all tokens of plain text are below it. */
const END_OF_TEXT: Readonly<Record<GptVocabulary, number>> = {
  gpt2: 50_256,
  cl100k_base: 100_257,
  o200k_base: 199_999,
};

export const gptEncoder = async (name: GptVocabulary): Promise<EncoderReading> => {
  try {
    const { encode } = await TABLES[name]();
    const endOfDocument = END_OF_TEXT[name];
    // What looks like a special token in a text is text: nobody who writes a text may end the document.
    const plain = { disallowedSpecial: new Set<string>() };
    const encoder = {
      name,
      vocabulary: endOfDocument + 1,
      endOfDocument,
      file: null,
      encode: (text: string) => encode(text, plain),
    };
    return { kind: 'encoder', encoder };
  } catch (error) {
    if (!isMissing(error)) throw error;
    const reason = `${name} needs the package gpt-tokenizer, which is not installed: npm install gpt-tokenizer`;
    return { kind: 'refused', ...tokenizerFault(reason) };
  }
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
