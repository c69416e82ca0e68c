/** Laws of input that is clumsy or hostile: one mistake is one complaint at its place, and nothing absurd is taken for an answer. */
import { expect, test } from 'vitest';
import { parseModel } from '../../src/scenario/entries.ts';
import { modelFromHuggingFace } from '../../src/scenario/hugging-face.ts';
import { nearestName } from '../../src/scenario/nearest.ts';
import { libraryWith, only, printed, RIGHT, scenarioOf, withLine } from './scenario-fixtures.ts';

const cluster = (changes: string): string => `cluster: {base: dgx-a100-80g, ${changes}}`;

test('what is left out altogether is one complaint a key, in words', () => {
  expect(printed('{}').map((line) => line.replace(/;.*$/u, ''))).toEqual(
    ['cluster', 'devices', 'model', 'workload'].map((key) => `run.yaml:1:1 ${key}: is missing`),
  );
  expect(printed('{}').join('')).not.toMatch(/undefined|Invalid/u);
});

test('a number beyond all that is built is refused at its place, and the largest allowed is not', () => {
  expect(only('devices: 10000000')).toBe('run.yaml:4:10 devices: 10000000 is not a whole number of at most 1000000');
  expect(only('devices: 9007199254740993')).toMatch(/of at most 1000000$/u);
  expect(only('workload: {sequence: 2048, globalBatch: 1e15}')).toMatch(/workload\.globalBatch: .* at most 1000000$/u);
  expect(only('model: {base: gpt-13b, layers: 1e9}')).toMatch(/^run\.yaml:2:32 model\.layers: .* at most 1000$/u);
  expect(only(cluster('accelerator: {multiprocessors: 1e15}'))).toMatch(/multiprocessors: .* at most 1000000$/u);
  expect(scenarioOf(withLine('devices: 1000000', withLine('layout: {}'))).devices).toEqual([1_000_000]);
});

test('a number that is not finite is shown as it is', () => {
  for (const [written, shown] of [
    ['.nan', 'NaN'],
    ['1e400', 'Infinity'],
    ['-.inf', '-Infinity'],
  ])
    expect(only(`devices: ${written}`)).toContain(`devices: ${shown} is not`);
});

test('a text that looks like something else is shown in quotes, with the number it was meant to be', () => {
  expect(only('devices: "8"')).toMatch(/devices: "8" is not a whole number .*\(did you mean 8\?\)$/u);
  expect(only('layout: {zero: "1"}')).toMatch(/layout\.zero: "1" is not one of 0, 1, 2, 3 \(did you mean 1\?\)$/u);
  expect(only('layout: {sequenceParallel: "true"}')).toMatch(/sequenceParallel: "true" is not true or false/u);
  expect(only('model: ""')).toMatch(/model: "" is not a model/u);
});

test('a value to try is listed once', () => {
  expect(only('devices: [8, 64, 8]')).toBe('run.yaml:4:18 devices.2: is in the list already');
  expect(only('recompute: [none, {full: 2}, {full: 2}]')).toMatch(/^run\.yaml:8:30 recompute\.2: is in the list/u);
});

test('a share is no more than all of it, and a bare number of per cent is recognised', () => {
  expect(only('memory: {margin: 5}')).toBe(
    'run.yaml:9:18 memory.margin: 5 is not a share such as 0.8 or 80% (did you mean 5%?)',
  );
  expect(only('memory: {margin: 100%}')).toMatch(/memory\.margin: a margin of 1 leaves no memory/u);
  expect(only('memory: {margin: -5%}')).toMatch(/\(did you mean 5%\?\)$/u);
  expect(only(cluster('nic: {efficiency: 300%}'))).toMatch(/cluster\.nic\.efficiency: 300% is not a share/u);
  expect(only(cluster('bestMfu: 56'))).toMatch(/\(did you mean 56%\?\)$/u);
  expect(only(cluster('accelerator: {narrowEfficiency: 0}'))).toMatch(/narrowEfficiency: is zero/u);
  expect(only('software: {allocatorOverhead: 300%}')).toMatch(/allocatorOverhead: 300% is not a share/u);
  expect(scenarioOf(withLine(cluster('pue: 1.5'))).cluster.pue.value).toBe(1.5);
});

test('a quantity so large or so small that arithmetic could leave the finite numbers is refused', () => {
  for (const nic of [`0.${'0'.repeat(290)}1GB/s`, `${'9'.repeat(28)}EB/s`])
    expect(only(cluster(`nic: ${nic}`))).toContain('is not a bandwidth');
});

test('a link given as a figure is its bandwidth, as a bare one is', () => {
  const { nic } = scenarioOf(withLine(cluster('nic: {value: 400Gbps, from: datasheet, source: a letter}'))).cluster;
  expect(nic.bandwidth).toEqual({ value: 50e9, from: 'datasheet', source: 'a letter' });
  expect(nic.latency.value).toBeGreaterThan(0);
});

test('what contradicts a catalogue entry is complained of where the user wrote it', () => {
  const model = (changes: string): string => only(`model: {base: gpt-13b, ${changes}}`);
  expect(model('hidden: 5121')).toMatch(/^run\.yaml:2:32 model\.hidden: 40 heads do not divide hidden 5121[^(]*$/u);
  expect(model('heads: 42')).toMatch(/^run\.yaml:2:31 model\.heads: .*\(did you mean 40\?\)$/u);
  expect(model('position: rope')).toMatch(/^run\.yaml:2:34 model\.position: rope positions have no table/u);
  expect(only(cluster('devicesPerNode: 3'))).toMatch(/^run\.yaml:3:47 cluster\.devicesPerNode: a domain of 8 devices/u);
});

test('prices upside down are both named', () => {
  expect(only(cluster('price: {low: $900/h}'))).toMatch(/price\.low: \$900\.00\/h is above the \$[\d.]+\/h of/u);
});

test('bytes that are no text are one complaint, where they begin', () => {
  const utf16 = Buffer.from(RIGHT, 'utf16le').toString('utf8');
  expect(printed(utf16)).toHaveLength(1);
  for (const text of [utf16, 'model: \0', `${RIGHT}# caf\uFFFD`, RIGHT.replaceAll('\n', '\r')])
    expect(printed(text)[0]).toMatch(/^run\.yaml:\d+:\d+ this is not text: wanted UTF-8/u);
  expect(printed(`\uFEFF${RIGHT}`)).toEqual([]);
  expect(printed(RIGHT.replaceAll('\n', '\r\n'))).toEqual([]);
});

test('a line that is not YAML is one complaint, in words for its writer', () => {
  expect(printed(`${RIGHT}  x: 3\n`)).toHaveLength(1);
  expect(printed(`${RIGHT}---\n${RIGHT}`)).toEqual(['run.yaml:12:1 a second document begins here; wanted one a file']);
  expect(printed(`devices: ${'['.repeat(5000)}${']'.repeat(5000)}`)[0]).toMatch(/nested too deeply to be read$/u);
});

test('ten thousand keys that are not known are all named', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1\n`).join('');
  expect(printed(RIGHT + keys)).toHaveLength(10_000);
});

test('a complaint and a title are one line that orders a terminal nothing', () => {
  expect(only(`model: "a\\e[31m\\nb"`)).toMatch(/^[^\p{Cc}]*$/u);
  expect(printed(`${RIGHT}"k\\e[2J": 1\n`)[0]).toMatch(/^[^\p{Cc}]*$/u);
  expect(scenarioOf(RIGHT.replace('# Is', '# \u001B[31mIs')).title).toBe('[31mIs everything in order?');
});

test('the beginning of a name leads to the name, before one that differs in a letter', () => {
  expect(nearestName('fp8', ['fp32', 'fp8-delayed'])).toBe('fp8-delayed');
  expect(nearestName('dgx-a100', ['dgx-h100', 'dgx-a100-80g'])).toBe('dgx-a100-80g');
  expect(nearestName('t', ['tied', 'tp'])).toBe(null);
});

test('a file that is not there is not sought in the catalogue', () => {
  expect(only('model: my-model.yaml')).toBe(
    'run.yaml:2:8 model: my-model.yaml is no file beside this one, nor in the working folder',
  );
});

const LLAMA = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  vocab_size: 32000,
};
const said = (changes: object): string => {
  const text = JSON.stringify({ ...LLAMA, ...changes });
  const reading = modelFromHuggingFace({ file: 'config.json', text });
  return reading.kind === 'complaints'
    ? reading.complaints.map(({ message }) => message).join('\n')
    : reading.model.name;
};

test('a known architecture with parts that are not is refused, and another architecture is not called a misspelling', () => {
  expect(said({ num_local_experts: 8 })).toMatch(/^llama is not all of it; missing is mixture of experts/u);
  for (const other of ['mixtrel', 'qwen4', 'gpt_neo', 'llava']) {
    const text = JSON.stringify({ ...LLAMA, model_type: other });
    const reading = modelFromHuggingFace({ file: 'config.json', text });
    expect(reading).toMatchObject({ kind: 'complaints', complaints: [{ suggestion: null }] });
  }
  expect(said({ model_type: null, architectures: ['LlamaForCausalLM'] })).toBe('config.json');
});

test('a config.json is held to the same bounds as a model of ours', () => {
  expect(said({ num_hidden_layers: 1e12 })).toMatch(/at most 1000$/u);
  expect(said({ attention_dropout: 2 })).toMatch(/2 is not a probability/u);
  expect(said({ _name_or_path: 'a\u001B[31m' })).toBe('a [31m');
  expect(parseModel({ file: 'm.yaml', text: '{base: gpt-13b, hidden: 1e12}' }, libraryWith()).complaints).toHaveLength(
    1,
  );
});
