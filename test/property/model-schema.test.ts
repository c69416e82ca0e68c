/** Laws of a model written in YAML: short spellings say which layers are which, and what cannot be is complained of. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { parseModel } from '../../src/scenario/entries.ts';
import type { Model } from '../../src/scenario/model.ts';
import { PLAIN } from '../../src/scenario/model.ts';
import { libraryWith } from './scenario-fixtures.ts';

const library = libraryWith();
const parse = (text: string) => parseModel({ file: 'm.yaml', text }, library);
const modelOf = (text: string): Model => {
  const { value, complaints } = parse(text);
  if (value === null) throw new Error(complaints.map(printComplaint).join('\n'));
  return value;
};
const said = (text: string): readonly string[] => parse(text).complaints.map(printComplaint);

/** A model of 8 layers with these keys in place of its own. */
const written = (keys: Readonly<Record<string, string>> = {}): string =>
  Object.entries({
    name: 'm',
    layers: '8',
    hidden: '64',
    heads: '4',
    ffn: '96',
    gated: 'true',
    position: 'rope',
    vocabulary: '100',
    ...keys,
  })
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n');
const signs = (layers: readonly boolean[] | undefined): string => layers?.map((is) => (is ? 'x' : '.')).join('') ?? '';

test('what a model does not say it does not have', () => {
  expect(modelOf(written())).toMatchObject(PLAIN);
});

test('which layers have the window follows from how often, and from where on, a layer sees everything', () => {
  const windowed = (window: string): string => signs(modelOf(written({ window })).window?.layers);
  expect(windowed('{size: 7}')).toBe('xxxxxxxx');
  expect(windowed('{size: 7, fullEvery: 2}')).toBe('x.x.x.x.');
  expect(windowed('{size: 7, fullEvery: 6}')).toBe('xxxxx.xx');
  expect(windowed('{size: 7, fullFirst: 3}')).toBe('...xxxxx');
  expect(windowed('{size: 7, fullFirst: 3, fullEvery: 2}')).toBe('....x.x.');
});

test('which layers have experts follows from how often, and from where on, they do', () => {
  const mixed = (experts: string): string => signs(modelOf(written({ experts })).experts?.layers);
  expect(mixed('{count: 4, active: 1}')).toBe('xxxxxxxx');
  expect(mixed('{count: 4, active: 1, denseFirst: 3}')).toBe('...xxxxx');
  expect(mixed('{count: 4, active: 1, every: 2}')).toBe('.x.x.x.x');
  expect(mixed('{count: 4, active: 1, every: 4, denseFirst: 4}')).toBe('.......x');
});

test('of the widths of a mixture each may be left out that another tells', () => {
  const { ffn: _, ...keys } = { ffn: '96', experts: '{count: 4, active: 2, ffn: 48, shared: 3}' };
  const text = written(keys).replace('ffn: 96\n', '');
  expect(modelOf(text)).toMatchObject({ ffn: 48, experts: { ffn: 48, sharedFfn: 144 } });
  expect(modelOf(written({ experts: '{count: 4, active: 2, shared: 1}' }))).toMatchObject({
    ffn: 96,
    experts: { ffn: 96, sharedFfn: 96, sharedGate: false, routerBias: false, bias: false },
  });
  expect(modelOf(written({ experts: '{count: 4, active: 2, sharedFfn: 10}' })).experts?.sharedFfn).toBe(10);
});

test('queries that are not compressed have no rank', () => {
  const latent = modelOf(written({ latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}', headDim: '8' })).latent;
  expect(latent).toEqual({ queryRank: null, kvRank: 9, plainDim: 8, ropeDim: 4 });
});

test('a change within a mixture leaves the rest of it as it was', () => {
  const base = modelOf('mixtral-8x7b');
  const changed = modelOf('{base: mixtral-8x7b, experts: {count: 16}}');
  expect(changed).toEqual({ ...base, name: changed.name, experts: { ...base.experts, count: 16 } });
});

test.each([
  [
    { experts: '{count: 4, active: 9}' },
    'm.yaml:9:29 experts.active: 9 active experts are more than the 4 there are (did you mean 4?)',
  ],
  [
    { experts: '{count: 4, active: 2, denseFirst: 8}' },
    'm.yaml:9:44 experts.denseFirst: none of the 8 layers has experts; leave experts out',
  ],
  [
    { experts: '{count: 4, active: 2, every: 9}' },
    'm.yaml:9:39 experts.every: none of the 8 layers has experts; leave experts out',
  ],
  [
    { experts: '{count: 4, active: 2, sharedGate: true}' },
    'm.yaml:9:44 experts.sharedGate: there is no shared expert for the gate to weigh (did you mean false?)',
  ],
  [
    { experts: '{count: 4, active: 2, shared: 1, sharedFfn: 8}' },
    'm.yaml:9:54 experts.sharedFfn: shared and sharedFfn both say how wide the shared experts are; wanted one of them',
  ],
  [{ experts: '{count: 4}' }, 'm.yaml:9:1 experts.active: is missing; wanted a whole number of at least 1'],
  [
    { experts: '{count: 4, active: 2, share: 1}' },
    'm.yaml:9:32 experts.share: is not a key here; the keys are count, active, ffn, shared, sharedFfn, sharedGate, routerBias, bias, denseFirst, every (did you mean shared?)',
  ],
  [{ window: '{size: 7, fullEvery: 1}' }, 'm.yaml:9:30 window.fullEvery: no layer has the window; leave window out'],
  [{ window: '{size: 7, fullFirst: 8}' }, 'm.yaml:9:30 window.fullFirst: no layer has the window; leave window out'],
  [{ window: '7' }, 'm.yaml:9:9 window: 7 is not a mapping of size, fullEvery and fullFirst'],
  [
    { latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}' },
    "m.yaml:9:9 latent: latent attention needs the width of a head's values: headDim is missing",
  ],
  [
    { latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}', headDim: '8', kvHeads: '2' },
    'm.yaml:11:10 kvHeads: 2 kv heads: with latent attention each of the 4 heads has its own keys and values (did you mean 4?)',
  ],
  [
    { latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}', headDim: '8', qkNorm: 'head' },
    'm.yaml:11:9 qkNorm: latent attention norms its latents, not queries and keys (did you mean none?)',
  ],
  [
    { latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}', headDim: '8', kvShare: '2' },
    'm.yaml:11:10 kvShare: latent attention has no keys and values to share between layers (did you mean 1?)',
  ],
  [
    { latent: '{kvRank: 9, plainDim: 8, ropeDim: 4}', headDim: '8', position: 'alibi' },
    'm.yaml:7:11 position: alibi positions: latent attention has rotary ones (did you mean rope?)',
  ],
  [{ kvShare: '9' }, 'm.yaml:9:10 kvShare: 9 layers in a row are more than the 8 there are (did you mean 8?)'],
  [
    { postNorms: 'true', parallelBlock: 'true' },
    'm.yaml:9:12 postNorms: branches side by side end in no norm of their own (did you mean false?)',
  ],
  [
    { activation: 'squared_relu' },
    'm.yaml:9:13 activation: squared_relu is not one of gelu, silu, relu, squared-relu (did you mean squared-relu?)',
  ],
])('what cannot be is complained of where it is written: %o', (keys, complaint) => {
  expect(said(written(keys))).toEqual([complaint]);
});

test('layers without experts need the width of their MLP', () => {
  const text = written({ experts: '{count: 4, active: 2, ffn: 48, denseFirst: 1}' }).replace('ffn: 96\n', '');
  expect(said(text)).toEqual([
    'm.yaml:8:10 experts: the layers without experts need the width of their MLP: ffn is missing',
  ]);
});

test('as many layers see everything, or are dense, as the spelling says', () => {
  const count = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(count, count, fc.integer({ min: 0, max: 40 }), (layers, every, first) => {
      const { value } = parse(
        written({ layers: String(layers), window: `{size: 7, fullEvery: ${every}, fullFirst: ${first}}` }),
      );
      const after = Array.from({ length: layers }, (_, layer) => layer + 1).filter((place) => place > first);
      const windowed = after.filter((place) => place % every !== 0).length;
      expect(value?.window?.layers.filter((holds) => holds).length ?? 0).toBe(windowed);
    }),
  );
});
