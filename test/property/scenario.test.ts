/** Laws of reading a scenario: it is frozen and whole, or every mistake is named at its place, all of them at once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Complaint } from '../../src/scenario/complaint.ts';
import { parseCluster, parseModel } from '../../src/scenario/entries.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { FREE } from '../../src/plan/edits.ts';
import { complaintsOf, libraryWith, only, printed, RIGHT, scenarioOf, withLine } from './scenario-fixtures.ts';

const library = libraryWith();

const frozenThrough = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozenThrough));

test('a right scenario is whole and frozen all the way down', () => {
  const scenario = scenarioOf(RIGHT);
  expect(frozenThrough(scenario)).toBe(true);
  expect(scenario).toMatchObject({
    title: 'Is everything in order?',
    model: { name: 'gpt-13b', hidden: 5120 },
    cluster: { name: 'dgx-a100-80g', devicesPerNode: 8 },
    devices: [64],
    workload: { kind: 'pretrain', sequence: 2048, globalBatch: 512, tokens: 300e9 },
    layout: { tp: [4], pp: [2], vp: [2], dp: null, microbatch: [1], schedule: ['interleaved'], zero: [1] },
    precision: ['bf16'],
    recompute: [{ kind: 'selective', modules: ['core_attn'] }],
    software: { attention: 'flash', overlap: true },
    memoryMargin: 0.05,
    seed: 1,
  });
});

test('what is left out is searched, or is the default that the design states', () => {
  const scenario = scenarioOf(
    'model: gpt-13b\ncluster: dgx-a100-80g\ndevices: 8\nworkload: {sequence: 2048, globalBatch: 8}',
  );
  expect(scenario.layout).toEqual(FREE);
  expect(scenario).toMatchObject({
    title: 'gpt-13b on dgx-a100-80g',
    workload: { tokens: null },
    recompute: null,
    offload: null,
    search: 'usual',
    precision: ['bf16'],
    memoryMargin: 0.05,
    seed: 1,
    software: { attention: 'flash', overlap: true, frameworkMemory: { value: 3 * 2 ** 30, from: 'assumed' } },
  });
});

test('a list is an axis to search, and each form of recompute is read', () => {
  const line = 'recompute: [none, full, {full: 3}, {selective: [core_attn, layernorm]}]';
  expect(scenarioOf(withLine(line)).recompute).toEqual([
    { kind: 'none' },
    { kind: 'full', layers: 'all' },
    { kind: 'full', layers: 3 },
    { kind: 'selective', modules: ['core_attn', 'layernorm'] },
  ]);
  expect(scenarioOf(withLine('devices: [8, 64]')).devices).toEqual([8, 64]);
});

const FIVE = `model: gpt-13c
cluster: {base: dgx-a100-80g, nic: 400gbps}
devices: 64
workload: {sequence: 2048, globalBatch: 512, tokens: 300B}
layout: {tp: 3.5, sequenceParalel: true}
precision: bf61
`;

test('five planted mistakes are five complaints, each at its line and column with what was meant', () => {
  expect(printed(FIVE)).toEqual([
    'run.yaml:1:8 model: gpt-13c is not a model of the catalogue (did you mean gpt-13b?)',
    'run.yaml:2:36 cluster.nic: 400gbps is not a bandwidth such as 450GB/s or 400Gbps (did you mean 400Gbps?)',
    'run.yaml:5:14 layout.tp: 3.5 is not a whole number of at least 1, or a list of such values',
    expect.stringMatching(/^run\.yaml:5:19 layout\.sequenceParalel: is not a key here; .*mean sequenceParallel\?\)$/u),
    expect.stringMatching(/^run\.yaml:6:12 precision: bf61 is not one of fp32, bf16, .*\(did you mean bf16\?\)$/u),
  ]);
});

test('the order of the keys changes neither how many complaints there are nor what they say', () => {
  const said = (complaints: readonly Complaint[]): readonly string[] =>
    complaints.map(({ path, message, suggestion }) => `${path} ${message} ${suggestion}`).toSorted();
  const lines = FIVE.trimEnd().split('\n');
  fc.assert(
    fc.property(fc.shuffledSubarray(lines, { minLength: lines.length }), (shuffled) => {
      expect(said(complaintsOf(shuffled.join('\n')))).toEqual(said(complaintsOf(FIVE)));
    }),
  );
});

test('one mistake is one complaint, at the value, or at the key when the key is the mistake', () => {
  expect(only('devices: 0')).toBe('run.yaml:4:10 devices: 0 is not a whole number of at least 1');
  expect(only('seed: one')).toBe('run.yaml:11:7 seed: one is not a whole number of at least 0');
  expect(only('memory: {ofload: none}')).toMatch(/^run\.yaml:9:10 memory\.ofload: .*\(did you mean offload\?\)$/u);
  expect(only('memory: {margin: 120%}')).toMatch(/^run\.yaml:9:18 memory\.margin: /u);
  expect(only('workload: {sequence: 2048, tokens: 300B}')).toMatch(/^run\.yaml:5:1 workload\.globalBatch: is missing/u);
  expect(only('workload: {sequence: 2K, globalBatch: 512}')).toMatch(/^run\.yaml:5:22 workload\.sequence: 2K is not/u);
  expect(only('recompute: [none, {selective: [cor_attn]}]')).toMatch(
    /^run\.yaml:8:32 recompute\.1\.selective\.0: cor_attn is not one of .*\(did you mean core_attn\?\)$/u,
  );
  expect(only('recompute: {}')).toMatch(/^run\.yaml:8:12 recompute: exactly one of full and selective/u);
  expect(only('software: {attention: flsh}')).toMatch(
    /^run\.yaml:10:23 software\.attention: .*\(did you mean flash\?\)$/u,
  );
});

test('each axis of a layout is read in its spellings, and complained of at its place', () => {
  const layoutOf = (axes: string) => scenarioOf(withLine(`layout: {${axes}}`)).layout;
  expect(layoutOf('cp: 2').cp).toEqual([{ size: 2, kind: null }]);
  expect(layoutOf('cp: [1, {size: 4, kind: ring}]').cp).toEqual([
    { size: 1, kind: null },
    { size: 4, kind: 'ring' },
  ]);
  expect(layoutOf('ep: 8, etp: [1, 2], replicas: 2')).toMatchObject({ ep: [8], etp: [1, 2], replicas: [2] });
  expect(layoutOf('firstLayers: 3, lastLayers: 2')).toMatchObject({ firstLayers: [3], lastLayers: [2] });
  for (const name of ['zb-h1', 'zb-v', 'dualpipe']) expect(layoutOf(`schedule: ${name}`).schedule).toEqual([name]);
  const layout = (axis: string): string => only(`layout: {tp: 4, ${axis}}`);
  expect(layout('cp: {size: 2, kind: rng}')).toMatch(/^run\.yaml:6:\d+ layout\.cp.*did you mean ring\?/u);
  expect(layout('ep: {size: 2}')).toMatch(/^run\.yaml:6:21 layout\.ep: /u);
  expect(only('memory: {offload: dram}')).toMatch(/^run\.yaml:9:19 memory\.offload: dram is not none, or/u);
});

test('what belongs to later versions is refused as such, not as a slip of the pen', () => {
  for (const device of ['webgpu', 'gpujs'])
    expect(printed(`${RIGHT}device: ${device}\n`)).toEqual([
      `run.yaml:12:9 device: ${device} is not there yet; wanted auto or cpu`,
    ]);
  expect(only('memory: {optimizer: dram}')).toMatch(/memory\.optimizer: belongs to offloading/u);
});

test('text that is not YAML, or not a mapping, is complained of at its place', () => {
  expect(printed('a: [1, 2\nb: }')[0]).toMatch(/^run\.yaml:2:1 /u);
  expect(printed('- 1')).toEqual(['run.yaml:1:1 [1] is not a scenario: wanted a mapping of keys']);
  expect(printed('')).toEqual(['run.yaml:1:1 nothing is not a scenario: wanted a mapping of keys']);
  expect(printed('model: &x gpt-13b\ncluster: *x')).toEqual(['run.yaml:2:10 *x is an alias; write the value itself']);
  expect(printed(`${RIGHT}seed: 2`)).toEqual(['run.yaml:12:1 seed: this key is written twice']);
});

test('a mistake in a catalogue entry is reported in its own file', () => {
  const broken = {
    names: ['broken', 'derived'],
    find: (name: string) =>
      name === 'broken'
        ? { file: 'models/broken.yaml', text: 'name: broken\nlayers: x\nhidden: 64\nheads: 2\nvocabulary: 100\n' }
        : { file: 'models/derived.yaml', text: 'base: broken\npositions: [1]\n' },
  };
  expect(printed(withLine('model: {base: derived, heads: 0}'), { ...library, models: broken })).toEqual([
    'models/broken.yaml:2:9 layers: x is not a whole number of at least 1',
    'models/derived.yaml:2:12 positions: [1] is not a whole number of at least 0',
    'run.yaml:2:31 model.heads: 0 is not a whole number of at least 1',
  ]);
});

test('an entry based on itself is refused, however long the way round', () => {
  const loop = {
    names: ['a', 'b'],
    find: (name: string) => ({ file: `${name}.yaml`, text: `base: ${name === 'a' ? 'b' : 'a'}` }),
  };
  expect(printed(withLine('cluster: a'), { ...library, clusters: loop })).toEqual([
    'b.yaml:1:7 base: a is based on itself: a -> b -> a',
  ]);
});

test('an override changes what it names and nothing else', () => {
  const { value: base } = parseCluster({ file: 'run.yaml', text: 'dgx-a100-80g' }, library);
  const text = '{base: dgx-a100-80g, nic: 400Gbps, price: $2/h, accelerator: {memory: 96GiB}, devicesPerNode: 4}';
  const { value: changed, complaints } = parseCluster({ file: 'run.yaml', text }, library);
  const given = { from: 'assumed', source: 'given in the scenario' };
  expect(complaints).toEqual([]);
  expect(changed).toEqual({
    ...base,
    name: 'dgx-a100-80g with its own nic, price, accelerator, devicesPerNode',
    nic: { ...base?.nic, bandwidth: { value: 50e9, ...given } },
    price: [
      {
        kind: 'listed',
        share: 1,
        hourly: { low: 2, high: 2 },
        date: 'not given',
        region: 'not given',
        ...given,
      },
    ],
    accelerator: { ...base?.accelerator, memory: { value: 96 * 2 ** 30, ...given } },
    devicesPerNode: 4,
  });
});

test('a figure is overridden whole: a new value never borrows the source of the old one', () => {
  const said = (memory: string): readonly string[] =>
    parseCluster(
      { file: 'c.yaml', text: `{base: dgx-a100-80g, accelerator: {memory: ${memory}}}` },
      library,
    ).complaints.map(({ path }) => path);
  expect(said('{value: 96GiB}')).toEqual(['accelerator.memory.from', 'accelerator.memory.source']);
  expect(said('{value: 96GiB, from: datasheet, source: a letter}')).toEqual([]);
});

test('a cluster that cannot be is refused: domains through hosts, zero bandwidth, prices upside down', () => {
  const said = (changes: string): readonly string[] =>
    parseCluster({ file: 'c.yaml', text: `{base: dgx-a100-80g, ${changes}}` }, library).complaints.map(
      ({ path }) => path,
    );
  expect(said('scaleUpDomain: 12')).toEqual(['scaleUpDomain']);
  expect(said('nic: 0Gbps')).toEqual(['nic']);
  expect(said('price: {low: $9/h}')).toEqual(['price.low']);
  expect(said('pue: 80%')).toEqual(['pue']);
  expect(said('nic: {latency: 0us}')).toEqual([]);
});

test('a model that cannot be is refused, and what depends on it is then left in peace', () => {
  const said = (text: string): readonly string[] =>
    parseModel({ file: 'm.yaml', text }, library).complaints.map(({ path }) => path);
  expect(said('{base: llama-3-8b, kvHeads: 5}')).toEqual(['kvHeads']);
  expect(said('{base: gpt-13b, heads: 30}')).toEqual(['heads']);
  expect(said('{base: gpt-13b, gated: true}')).toEqual(['gated']);
  expect(said('{base: gpt-13b, position: rope}')).toEqual(['position']);
  expect(said('{base: llama-3-8b, position: learned}')).toEqual(['position']);
  expect(printed(withLine('model: {base: llama-3-8b, heads: 30, kvHeads: 5}'))).toHaveLength(1);
});

const ANYTHING = fc.oneof(
  fc.constantFrom(
    '',
    'null',
    '{}',
    '[]',
    '[[1]]',
    '-1',
    '0',
    '1e99',
    '.nan',
    '.inf',
    'yes',
    '*a',
    '&a 1',
    '!!set {a}',
    '"',
    '{',
    '? a',
    '<<: 1',
  ),
  fc.string(),
  fc.json(),
);

test('a scenario spoilt in any way is read or complained of, and nothing throws', () => {
  const outcome = (text: string): void => {
    const parsed = parseScenario({ file: 'run.yaml', text }, library);
    if (parsed.kind === 'complaints') {
      expect(parsed.complaints.length).toBeGreaterThan(0);
      for (const { line, column } of parsed.complaints) expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
    } else expect(frozenThrough(parsed.scenario)).toBe(true);
  };
  const tokens = [...RIGHT.matchAll(/[\w.%-]+|[{}[\]:,]/gu)].map(({ index, 0: token }) => ({
    index,
    end: index + token.length,
  }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...tokens), ANYTHING), { minLength: 1, maxLength: 4 }), (spoils) => {
      const text = spoils
        .toSorted(([a], [b]) => b.index - a.index)
        .reduce((before, [{ index, end }, into]) => before.slice(0, index) + into + before.slice(end), RIGHT);
      outcome(text);
    }),
    { numRuns: 400 },
  );
  fc.assert(fc.property(fc.string(), outcome), { numRuns: 200 });
});
