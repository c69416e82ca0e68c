/** Laws of the data that a run is given: what is wrong with it is said at its place in the scenario, and in the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { place, refused } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
afterAll(() => here.remove());
const scenario = readFileSync(join(folder, 'run.yaml'), 'utf8');

/** What `run` says of the scenario with that line of data, and where its data begin. */
const saidOf = async (data: string): Promise<readonly string[]> => {
  const text = scenario.replace(/^data: .*$/mu, `data:\n${data}`);
  writeFileSync(join(folder, 'data.yaml'), text);
  const { code, out, err } = await refused(folder, 'run', 'data.yaml', '-o', 'new');
  expect([code, out]).toEqual([4, '']);
  return err.split('\n').slice(0, -1);
};
const line = scenario.split('\n').findIndex((text) => text.startsWith('data:')) + 2;

test('a file that is not there is complained of where the scenario names it, with the nearest name', async () => {
  const none = 'there is no such file, neither beside the scenario nor in the working folder';
  expect(await saidOf('  text: texd.txt')).toEqual([
    `data.yaml:${line}:9 data.text: texd.txt: ${none} (did you mean text.txt?)`,
    'Nothing was run.',
  ]);
  expect(await saidOf('  text:\n    - text.txt\n    - zzzz.txt\n  tokenizer: zzzz.json')).toEqual([
    `data.yaml:${line + 2}:7 data.text.1: zzzz.txt: ${none}`,
    `data.yaml:${line + 3}:14 data.tokenizer: zzzz.json: ${none}`,
    'Nothing was run.',
  ]);
});

test('all that is wrong is said at once: in the scenario, in a text, in lines of JSON and in the ids of a tokenizer', async () => {
  writeFileSync(join(folder, 'odd.txt'), Uint8Array.of(0x61, 0x0a, 0x62, 0xff));
  writeFileSync(join(folder, 'odd.jsonl'), '{"text": "a"}\n{"txt": "b"}\n5\n');
  writeFileSync(join(folder, 'tk.json'), '{"model":\n{"type": "BPE", "merges": [], "vocab": {"1": -5}}}');
  expect(await saidOf('  text: [odd.txt, /dev/zero]\n  jsonl: odd.jsonl\n  tokenizer: tk.json')).toEqual([
    `data.yaml:${line}:19 data.text.1: /dev/zero: this is a device, wanted a file`,
    'tk.json:2:46 model.vocab."1": -5 is no id (whole numbers from 0 to 2147483647)',
    'odd.txt:2:2 this is not text: byte 0xff; wanted UTF-8',
    'odd.jsonl:2:1 has no text (did you mean data.field: txt?)',
    'odd.jsonl:3:1 is not a mapping; wanted one with the text as its text',
    'Nothing was run.',
  ]);
});
