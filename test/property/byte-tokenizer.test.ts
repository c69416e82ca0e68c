/** The law of the tokenizer that goes with a model of bytes: whoever reads it makes the bytes of the text of it. */
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteTokenizer } from '../../src/exec/hugging-face/byte-tokenizer.ts';

test('the exported tokenizer makes of any text its bytes in UTF-8, and the text of them again', () => {
  const files = byteTokenizer(64);
  const read = (name: string): object => JSON.parse(Buffer.from(files.get(name)!).toString('utf8')) as object;
  const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { ids } = tokenizer.encode(text);
      expect(ids).toEqual([...Buffer.from(text, 'utf8')]);
      if (ids.length > 0) expect(tokenizer.decode(ids)).toBe(text);
    }),
  );
});
