/** Laws of reading the user's texts: every document as it stands, every mistake at its line, all of them at once. */
import { describe, expect, test } from 'vitest';
import type { DataSource, Tokenizer } from '../../src/scenario/real-run.ts';
import { complaintsOf, corpusOf, file, textOf } from './corpus-fixtures.ts';

describe('the user’s files', () => {
  test('are documents: each text as a whole, each line of jsonl by its field, in the order of the scenario', async () => {
    const data = {
      text: [file('a.txt', '\uFEFFfirst '), file('deep/b.txt', 'zweiter, mit Ümlaut ')],
      jsonl: [file('c.jsonl', '{"body": "third ", "text": 1}\r\n\n{"body": ""}\n{"body":"f\\u00fcnfter"}')],
      field: 'body',
      validation: 0,
    };
    const corpus = await corpusOf({ data, sequence: 2, validates: false });
    expect(textOf(corpus.tokens)).toBe('first zweiter, mit Ümlaut third fünfter');
    expect(corpus.splits.train.documents).toBe(4);
  });

  test('of a folder, or of a name with stars in it, come in the order of their names, and no others', async () => {
    for (const name of ['b.txt', 'a.txt', 'a+b.txt', '.hidden.txt', 'a.text', 'c.jsonl', 'deep/d.txt'])
      file(`books/${name}`, name.endsWith('.jsonl') ? `{"text": "(${name})"}` : `(${name})`);
    const read = async (data: Partial<DataSource>): Promise<string> =>
      textOf((await corpusOf({ data: { ...data, validation: 0 }, sequence: 2, validates: false })).tokens);
    expect(await read({ text: ['books'] })).toBe('(a+b.txt)(a.txt)(b.txt)');
    expect(await read({ jsonl: ['books'] })).toBe('(c.jsonl)');
    expect(await read({ text: ['books/a*', 'books/b.txt'] })).toBe('(a+b.txt)(a.text)(a.txt)(b.txt)');
    expect(await read({ text: ['books/a+*.t*t'] })).toBe('(a+b.txt)');
    expect(await complaintsOf({ data: { text: ['books/z*.txt'], jsonl: ['books/deep', 'books/*.jsonl'] } })).toEqual([
      'data.text: books/z*.txt: there is no such file',
      'data.jsonl.0: books/deep: this is a folder without *.jsonl in it',
    ]);
  });

  test('of many lines are read whole, wherever the pieces of the file end', async () => {
    const texts = Array.from({ length: 3000 }, (_, index) => `${index} ünder ☃ ${'x'.repeat(index % 97)};`);
    const jsonl = [file('many.jsonl', texts.map((text) => JSON.stringify({ text })).join('\n'))];
    const corpus = await corpusOf({ data: { jsonl, validation: 0 }, validates: false });
    expect(textOf(corpus.tokens)).toBe(texts.join(''));
  });

  test('that are wrong are complained of all at once, each with its line', async () => {
    file('dir/x.text', 'in a folder');
    const data = {
      text: ['none.txt', file('empty.txt', ''), 'dir', file('binary.txt', Uint8Array.of(0x61, 0xff, 0xfe))],
      jsonl: [
        file('bad.jsonl', '{"text": "right"}\n{"text": "wrong}\n[1]\n{"txt": "near"}\n{"text": 5}\n{"a": 1} x\n'),
        file('hollow.jsonl', '\n \n'),
        file('latin.jsonl', Buffer.from('{"text": "a"}\n{"text": "\u00fc"}\n', 'latin1')),
        'gone.jsonl',
      ],
    };
    expect(await complaintsOf({ data, vocabulary: 200 })).toEqual([
      'data.tokenizer: bytes has 256 tokens, more than the 200 of tiny; wanted a model with vocabulary: 256 or more',
      'data.text.0: none.txt: there is no such file, neither beside the scenario nor in the working folder',
      'data.text.1: empty.txt: the file is empty',
      'data.text.2: dir: this is a folder without *.txt in it',
      'data.jsonl.1: hollow.jsonl: the file has no lines',
      'data.jsonl.3: gone.jsonl: there is no such file, neither beside the scenario nor in the working folder',
      'binary.txt:1:2 this is not text: byte 0xff; wanted UTF-8',
      'bad.jsonl:2:10 not JSON: "\\"" is out of place',
      'bad.jsonl:3:1 is not a mapping; wanted one with the text as its text',
      'bad.jsonl:4:1 has no text (did you mean data.field: txt?)',
      'bad.jsonl:5:1 text: 5 is not a text',
      'bad.jsonl:6:10 not JSON: "x" is out of place',
      'latin.jsonl:2:11 this is not text: byte 0xfc; wanted UTF-8',
    ]);
  });

  test('with mistakes in every line do not fill the screen', async () => {
    const jsonl = [file('awful.jsonl', 'no\n'.repeat(100))];
    const complaints = await complaintsOf({ data: { jsonl } });
    expect(complaints).toHaveLength(11);
    expect(complaints.at(-1)).toBe('awful.jsonl: 90 more lines are wrong, 100 in all');
  });

  test('that are too short for a sequence on either side are refused', async () => {
    const text = [file('short.txt', 'x'.repeat(20))];
    expect(await complaintsOf({ data: { text } })).toEqual([
      'data: 2 tokens in the validation split are too few: wanted 9 or more, a sequence of 8 and its last label',
    ]);
    expect(await complaintsOf({ data: { text }, sequence: 20 })).toHaveLength(2);
    expect(await complaintsOf({ data: { text }, validates: false })).toEqual([]);
  });

  test('hold no order for a terminal in what is complained of them', async () => {
    const jsonl = [file('nasty.jsonl', '{"\\u001b[2J": 1}\n\u001b[2J\n')];
    for (const complaint of await complaintsOf({ data: { jsonl, field: '\u001b[3J' } }))
      expect(complaint).not.toMatch(/\p{Cc}/u);
  });
});

describe('a tokenizer', () => {
  const named = (name: 'gpt2' | 'cl100k_base' | 'o200k_base'): Tokenizer => ({ kind: 'named', name });
  const all = { validation: 0 };

  test('of a GPT ends each document with its own token, and takes what looks like one in a text for text', async () => {
    const jsonl = [file('gpt.jsonl', '{"text": "hello world"}\n{"text": "<|endoftext|>"}\n')];
    for (const [name, hello, end] of [
      ['gpt2', [31373, 995], 50256],
      ['cl100k_base', [15339, 1917], 100257],
      ['o200k_base', [24912, 2375], 199999],
    ] as const) {
      const data = { ...all, jsonl, tokenizer: named(name) };
      const corpus = await corpusOf({ data, sequence: 2, vocabulary: end + 1, validates: false });
      expect([...corpus.tokens.subarray(0, 3)]).toEqual([...hello, end]);
      expect([...corpus.tokens].filter((token) => token === end)).toHaveLength(2);
      expect(corpus.tokens.at(-1)).toBe(end);
      expect(corpus.tokens).toBeInstanceOf(name === 'gpt2' ? Uint16Array : Uint32Array);
      expect(await complaintsOf({ data, sequence: 2, vocabulary: end, validates: false })).toEqual([
        `data.tokenizer: ${name} has ${end + 1} tokens, more than the ${end} of tiny; wanted a model with vocabulary: ${end + 1} or more`,
      ]);
    }
  });

  const TABLES = {
    version: '1.0',
    added_tokens: [
      { id: 6, content: '<stop>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: { a: 0, b: 1, Ġ: 2, ab: 3, Ċ: 4, '</s>': 5 }, merges: ['a b'] },
  };
  /** The tokenizer first. */
  const inOrder = (one: string, other: string): number => Number(/none/u.test(one)) - Number(/none/u.test(other));
  const fromFile = (path: string): Tokenizer => ({ kind: 'file', path });

  test('of a tokenizer.json ends documents as the config beside it says, or as its family does', async () => {
    const text = [file('ab.txt', 'ab a\n')];
    const plain = fromFile(file('plain/tokenizer.json', JSON.stringify(TABLES)));
    const told = fromFile(file('told/tokenizer.json', JSON.stringify(TABLES)));
    file('told/tokenizer_config.json', '{"eos_token": {"content": "<stop>"}}');
    const tokensOf = async (tokenizer: Tokenizer): Promise<readonly number[]> => {
      const data = { ...all, text, tokenizer };
      return [...(await corpusOf({ data, sequence: 2, vocabulary: 7, validates: false })).tokens];
    };
    expect(await tokensOf(plain)).toEqual([3, 2, 0, 4, 5]);
    expect(await tokensOf(told)).toEqual([3, 2, 0, 4, 6]);
    expect(await complaintsOf({ data: { text, tokenizer: plain }, vocabulary: 6 })).toEqual([
      'data.tokenizer: plain/tokenizer.json has 7 tokens, more than the 6 of tiny; wanted a model with vocabulary: 7 or more',
    ]);
  });

  test('that cannot be read is complained of beside what is wrong with the files', async () => {
    for (const [path, reason] of [
      ['gone/tokenizer.json', /^data\.tokenizer: gone\/tokenizer\.json: there is no such file/u],
      [file('broken/tokenizer.json', '{"model": '), /^broken\/tokenizer\.json:1:11 not JSON/u],
      [file('list/tokenizer.json', '[]'), /^data\.tokenizer: list\/tokenizer\.json is no tokenizer\.json/u],
      [file('odd/tokenizer.json', '{"model": {"type": "x"}}'), /^data\.tokenizer: odd\/tokenizer\.json is no token/u],
    ] as const)
      expect(
        (await complaintsOf({ data: { text: ['none.txt'], tokenizer: fromFile(path) } })).toSorted(inOrder),
      ).toEqual([expect.stringMatching(reason), expect.stringMatching(/none\.txt/u)]);
  });
});
