/** Laws of what cannot be true at once: only what is fixed can contradict itself, and the nearest way out is offered. */
import { expect, test } from 'vitest';
import { only, printed, withLine } from './scenario-fixtures.ts';

test('what is fixed and contradicts itself is complained of, with the nearest way out', () => {
  const layout = (axes: string): string => only(`layout: {${axes}}`);
  expect(layout('tp: 16')).toBe('run.yaml:6:14 layout.tp: 16 does not divide 40 heads, 40 kv heads (did you mean 8?)');
  expect(layout('pp: 16')).toMatch(/layout\.pp: 16 stages do not split 40 layers evenly.*\(did you mean 8\?\)$/u);
  expect(layout('tp: 4, pp: 8, dp: 4')).toMatch(/layout\.dp: tp 4 x pp 8 x dp 4 = 128 is not the 64 .*mean 2\?\)$/u);
  expect(layout('tp: 4, dp: 3')).toMatch(/layout\.dp: tp 4 x dp 3 = 12 does not divide the 64 .*mean 2\?\)$/u);
  expect(layout('pp: 2, vp: 2, schedule: 1f1b')).toMatch(
    /layout\.vp: 2 model chunks .* not 1f1b \(did you mean 1\?\)$/u,
  );
  expect(layout('schedule: interleaved, vp: 1')).toMatch(/layout\.vp: .*2 or more.*\(did you mean 2\?\)$/u);
  expect(layout('schedule: interleaved, pp: 1')).toMatch(/layout\.pp: interleaving needs 2 or more stages/u);
  expect(layout('tp: 1, sequenceParallel: true')).toMatch(
    /layout\.sequenceParallel: .*tp is 1 \(did you mean false\?\)$/u,
  );
  expect(layout('microbatch: 3')).toMatch(/layout\.microbatch: 3 does not divide the 512 sequences.*mean 2\?\)$/u);
  expect(layout('microbatch: 1024')).toMatch(
    /layout\.microbatch: 1024 sequences are more than the 512.*mean 512\?\)$/u,
  );
  expect(only('workload: {sequence: 2048, globalBatch: 100}')).toMatch(
    /^run\.yaml:5:41 workload\.globalBatch: 100 sequences do not split over 8 pipelines.*\(did you mean 96\?\)$/u,
  );
  expect(only('workload: {sequence: 4096, globalBatch: 512}')).toMatch(
    /^run\.yaml:5:22 workload\.sequence: 4096 tokens are more than the 2048 learned positions.*\(did you mean 2048\?\)$/u,
  );
  expect(only('workload: {sequence: 2047, globalBatch: 512}')).toMatch(
    /2047 tokens do not split over 4 .*mean 2048\?\)$/u,
  );
  expect(only('precision: fp8-delayed')).toMatch(/^run\.yaml:7:12 precision: A100 SXM4 80GB does not multiply in fp8/u);
  expect(only('recompute: {full: 11}')).toMatch(/recompute: 11 layers are more than the 10 of a model chunk/u);
});

test('grouped-query attention limits tensor parallelism to the key and value heads', () => {
  const text = withLine('model: llama-3-8b', withLine('layout: {tp: 16, sequenceParallel: true}'));
  expect(printed(text)).toEqual(['run.yaml:6:14 layout.tp: 16 does not divide 8 kv heads (did you mean 8?)']);
});

test('the default precision is held to the accelerator like one that was written', () => {
  const text = withLine('cluster: v100-sxm2').replace(/^precision.*\n/mu, '');
  expect(printed(text)).toEqual([
    'run.yaml:2:1 precision: V100 SXM2 32GB does not multiply in bf16 (did you mean fp16?)',
  ]);
});

test('a list is a search: values that cannot be legal in it are not complained of', () => {
  expect(
    printed(withLine('layout: {tp: [3, 5], pp: [16, 17], microbatch: [3, 1024], vp: [2], schedule: [1f1b, gpipe]}')),
  ).toEqual([]);
});

test('a precision that the card cannot multiply in is refused in a list too: nothing could be predicted of it', () => {
  expect(only('precision: [bf16, nvfp4, fp8-delayed]')).toMatch(
    /^run\.yaml:7:12 precision: .* in fp4, which nvfp4 needs/u,
  );
  expect(printed(withLine('precision: [bf16, fp16]'))).toEqual([]);
});

test('a degree that breaks several rules is one complaint', () => {
  expect(only('layout: {tp: 3}')).toMatch(
    /^run\.yaml:6:14 layout\.tp: 3 does not divide 40 heads.*\(did you mean 2\?\)$/u,
  );
});

test('a run is at least one step of tokens', () => {
  const tokens = (written: string): string => `workload: {sequence: 2048, globalBatch: 512, tokens: ${written}}`;
  expect(only(tokens('300'))).toMatch(
    /^run\.yaml:5:54 workload\.tokens: 300 tokens are fewer than the 1048576 of one step/u,
  );
  expect(only(tokens('0'))).toMatch(/0 tokens/u);
  expect(printed(withLine(tokens('1048576')))).toEqual([]);
});

test('a split that counts the embedding, the head or both as a layer is no contradiction', () => {
  const chunks = (layers: number, pp: number): readonly string[] =>
    printed(withLine(`model: {base: gpt-13b, layers: ${layers}}`, withLine(`layout: {pp: ${pp}}`)));
  for (const layers of [62, 63, 64]) expect(chunks(layers, 16)).toEqual([]);
  for (const layers of [61, 65]) expect(chunks(layers, 16)).toHaveLength(1);
});
