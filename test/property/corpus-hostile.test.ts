/** Laws of files that are no texts, and of tokenizers whose ids are none: refused in words, at their place, and never waited for. */
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonPlace } from '../../src/exec/data/json-place.ts';
import { textIn } from '../../src/exec/data/utf8-text.ts';
import { complaintsOf, corpusOf, file, fullPath, textOf } from './corpus-fixtures.ts';

const PIPE_MAKER = 'mkfifo';
const pipe = (name: string): string => {
  execFileSync(PIPE_MAKER, [fullPath(file(`${name}.beside`, '')).replace(/\.beside$/u, '')]);
  return name;
};

describe('what is no plain file', () => {
  test('is called what it is, and not a byte of it is read', async () => {
    const tokenizer = { kind: 'file', path: pipe('pipe.json') } as const;
    const data = { text: ['/dev/zero', pipe('pipe.txt')], jsonl: ['/dev/zero', pipe('pipe.jsonl')], tokenizer };
    expect(await complaintsOf({ data })).toEqual([
      'data.tokenizer: pipe.json: this is a pipe, wanted a file',
      'data.text.0: /dev/zero: this is a device, wanted a file',
      'data.text.1: pipe.txt: this is a pipe, wanted a file',
      'data.jsonl.0: /dev/zero: this is a device, wanted a file',
      'data.jsonl.1: pipe.jsonl: this is a pipe, wanted a file',
    ]);
  });

  test('is refused where no memory holds it as one text', async () => {
    const text = [file('long.txt', '')];
    truncateSync(fullPath('long.txt'), 3 * 2 ** 30);
    expect(await complaintsOf({ data: { text } })).toEqual([
      'data.text: long.txt: 3.00 GiB are too large for one document, 512 MiB at most; wanted several files, or lines of jsonl',
    ]);
    // Half a gigabyte of it would be looked through for the end of a line.
    rmSync(fullPath('long.txt'));
  });
});

describe('a file that is not there', () => {
  test('is refused in words, whatever its name is', async () => {
    file('plain.txt', 'x');
    symlinkSync('loop.txt', fullPath('loop.txt'));
    const names = ['plain.txt/x.txt', 'a\0b', 'x'.repeat(5000), 'loop.txt', '*', '**/x*', '', '[', '(*'];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.constantFrom(...names),
          fc.string({ unit: 'binary' }).map((name) => `no such ${name}`),
        ),
        async (path) => {
          const tokenizer = { kind: 'file', path: `${path}.json` } as const;
          const complaints = await complaintsOf({ data: { text: [path], jsonl: [path], tokenizer } });
          expect(complaints.length).toBeGreaterThan(1);
          for (const complaint of complaints) expect(complaint).toMatch(/^\P{Cc}+$/u);
        },
      ),
    );
  });

  test('is complained of by its place among the files, with the nearest name beside it', async () => {
    file('near/notes.txt', 'x');
    const data = { text: ['near/note.txt', 'near/zebra.txt'], jsonl: ['near/notes.jsonl'] };
    const none = 'there is no such file, neither beside the scenario nor in the working folder';
    expect(await complaintsOf({ data })).toEqual([
      `data.text.0: near/note.txt: ${none} (did you mean near/notes.txt?)`,
      `data.text.1: near/zebra.txt: ${none}`,
      `data.jsonl: near/notes.jsonl: ${none} (did you mean near/notes.txt?)`,
    ]);
  });
});

describe('bytes', () => {
  test('that are UTF-8 are their text, and the first that is not is found at its line and column', () => {
    const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll(/[\n\uFEFF\p{Cs}]/gu, ''));
    fc.assert(
      fc.property(
        fc.array(line),
        line,
        fc.constantFrom([0xff], [0xc3], [0xe2, 0x98], [0x80]),
        line,
        (above, before, odd, behind) => {
          const text = [...above, before].join('\n');
          const plain = Buffer.from(text);
          expect(textIn(plain)).toEqual({ kind: 'text', text });
          const bytes = Buffer.concat([plain, Uint8Array.from(odd), Buffer.from(`;${behind}`)]);
          expect(textIn(bytes)).toEqual({
            kind: 'fault',
            line: above.length + 1,
            column: before.length + 1,
            message: `this is not text: byte 0x${odd[0].toString(16)}; wanted UTF-8`,
          });
        },
      ),
    );
  });

  test('of a long line are looked through in pieces, wherever these end', () => {
    for (const length of [65_534, 65_535, 65_536, 131_071, 200_000]) {
      const bytes = Buffer.concat([
        Buffer.from(`${'x'.repeat(length)}\u2603`),
        Uint8Array.of(0xfe),
        Buffer.from('y'.repeat(99_999)),
      ]);
      expect(textIn(bytes)).toMatchObject({ kind: 'fault', line: 1, column: length + 2 });
    }
  });

  test('of lines that are wrong do not hide the other lines', async () => {
    const jsonl = [file('both.jsonl', Buffer.from('{"text": "\u00fc"}\n[]\n{"text": "\u00fc"}\n', 'latin1'))];
    expect(await complaintsOf({ data: { jsonl } })).toEqual([
      'both.jsonl:1:11 this is not text: byte 0xfc; wanted UTF-8',
      'both.jsonl:2:1 is not a mapping; wanted one with the text as its text',
      'both.jsonl:3:11 this is not text: byte 0xfc; wanted UTF-8',
    ]);
  });
});

const TABLES = {
  version: '1.0',
  added_tokens: [{ id: 2, content: '<stop>', special: true }],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: 'BPE', vocab: { a: 0, '1': 1 }, merges: [] },
};
const tokenizer = (name: string, tables: object | string): { readonly kind: 'file'; readonly path: string } => ({
  kind: 'file',
  path: file(name, typeof tables === 'string' ? tables : JSON.stringify(tables, null, 1)),
});

describe('the ids of a tokenizer', () => {
  test('are whole numbers from 0 on, and one that is not is complained of where it stands', async () => {
    const text = [file('a.txt', 'a1a1a1')];
    const wanted = '(whole numbers from 0 to 2147483647)';
    for (const id of ['-5', '1e12', '1.5', '"7"', 'null', '[1]', 'true', '1e999']) {
      const shown = id === '1e12' ? '1000000000000' : id === '1e999' ? 'Infinity' : id;
      const vocabulary = JSON.stringify(TABLES).replace('"1":1', `\n "1": ${id}`);
      const named = { ...TABLES, added_tokens: [{ ...TABLES.added_tokens[0], id: 99 }] };
      const added = JSON.stringify(named).replace('"id":99', `\n"id": ${id}`);
      for (const [tables, place] of [
        [vocabulary, '2:7 model.vocab."1"'],
        [added, '2:7 added_tokens.0.id'],
      ] as const)
        expect(await complaintsOf({ data: { text, tokenizer: tokenizer('tk.json', tables) } })).toEqual([
          `tk.json:${place}: ${shown} is no id ${wanted}`,
        ]);
    }
  });

  test('are all complained of, the first of many with a count', async () => {
    const text = [file('a.txt', 'a1')];
    const vocab = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`t${index}`, -1 - index]));
    const path = tokenizer('many.json', { ...TABLES, model: { ...TABLES.model, vocab } });
    const complaints = await complaintsOf({ data: { text, tokenizer: path } });
    expect(complaints).toHaveLength(11);
    expect(complaints.at(-1)).toBe('many.json: 30 ids are none in all');
  });

  test('stand for all of a text, or the text is refused', async () => {
    const text = [file('odd.txt', 'a1z')];
    const model = {
      type: 'Unigram',
      unk_id: null,
      vocab: [
        ['a', 0],
        ['1', -1],
      ],
    };
    const path = tokenizer('unigram.json', { ...TABLES, added_tokens: [], model });
    expect(await complaintsOf({ data: { text, tokenizer: path } })).toEqual([
      'data.tokenizer: unigram.json has no token for a part of the document that begins with "a1z", and none for what it does not know',
    ]);
    const known = { text: [file('known.txt', 'a1a1')], tokenizer: path, validation: 0 };
    expect(textOf((await corpusOf({ data: known, sequence: 2, validates: false })).tokens)).toBe('\0\u0001\0\u0001');
  });
});

test('a value of a JSON text is found by its keys, however the text is laid out', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false }),
      fc.nat(),
      fc.constantFrom(undefined, 1, '\t'),
      (value, pick, space) => {
        const paths: (readonly (string | number)[])[] = [];
        const walk = (one: unknown, path: readonly (string | number)[]): void => {
          paths.push(path);
          if (Array.isArray(one)) one.forEach((item, index) => walk(item, [...path, index]));
          else if (typeof one === 'object' && one !== null)
            for (const [key, item] of Object.entries(one)) walk(item, [...path, key]);
        };
        walk(value, []);
        const path = paths[pick % paths.length]!;
        const wanted = path.reduce<unknown>((one, key) => (one as Readonly<Record<string, unknown>>)[key], value);
        const text = JSON.stringify(value, null, space);
        const { line, column } = jsonPlace(text, path);
        const rest = text
          .split('\n')
          .slice(line - 1)
          .join('\n')
          .slice(column - 1);
        const depth = JSON.stringify(wanted, null, space);
        // Further in, the lines behind the first are indented further.
        expect(rest.startsWith(depth.split('\n')[0]!)).toBe(true);
      },
    ),
  );
  expect(jsonPlace('{"a": 1,\n "a": 2}', ['a'])).toEqual({ line: 2, column: 7 });
});
