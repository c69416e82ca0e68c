/** Laws of what a real run refuses: nothing that it can do, and what it cannot by the key that asks for it. */
import { expect, test } from 'vitest';
import { unsupported } from '../../src/exec/training/supported.ts';
import { PRECISIONS } from '../../src/scenario/job.ts';
import { FAMILIES, latentModel, mixtureModel } from '../worlds/families.ts';
import { tinyJob, tinySoftware } from '../worlds/jobs.ts';
import { MIXTURE_LAYOUTS, mixtureOn } from '../worlds/real-mixtures.ts';
import { REAL_FAMILIES } from '../worlds/real-jobs.ts';

type Asked = Parameters<typeof tinyJob>[0];
const jobOf = (asked: Asked) => tinyJob({ ...asked, model: { dropout: false, ...asked?.model } });

test('what the suites of parallel training run is refused nowhere', () => {
  for (const layout of Object.values(MIXTURE_LAYOUTS)) expect(unsupported(mixtureOn(layout))).toEqual([]);
  for (const model of Object.values(REAL_FAMILIES)) expect(unsupported(jobOf({ model }))).toEqual([]);
  for (const precision of ['fp32', 'bf16', 'fp16'] as const) expect(unsupported(jobOf({ precision }))).toEqual([]);
  expect(unsupported(jobOf({ model: FAMILIES['windowed']!, layout: { cp: 2, contextKind: 'all-to-all' } }))).toEqual(
    [],
  );
  expect(unsupported(jobOf({ model: FAMILIES['qk-norm over all']! }))).toEqual([]);
});

test.each<[string, Asked]>([
  ['software.attention', { software: { ...tinySoftware, attention: 'unfused' } }],
  ['memory.offload.optimizer', { offload: { optimizer: 'dram', activations: 0 } }],
  ['model.latent', { model: latentModel(96) }],
  ['model.predictors', { model: { predictors: 1 } }],
  ['model.position', { model: { position: 'alibi' } }],
  ['model.dropout', { model: { dropout: true } }],
  ['layout.cp', { model: { sinks: true }, layout: { cp: 2 } }],
  ['layout.tp', { model: { qkNorm: 'all' }, layout: { tp: 2 } }],
  ['model.experts.sharedGate', { model: mixtureModel({ sharedFfn: 8, sharedGate: true }) }],
  ['model.experts.bias', { model: mixtureModel({ bias: true }) }],
  ...PRECISIONS.filter((precision) => !['fp32', 'bf16', 'fp16'].includes(precision)).map(
    (precision): [string, Asked] => ['precision', { precision }],
  ),
])('what asks for more is refused once, under %s', (path, asked) => {
  expect(unsupported(jobOf(asked)).map((finding) => finding.path)).toEqual([path]);
});

test('all that is asked for too much is told at once', () => {
  const found = unsupported(jobOf({ precision: 'mxfp8', model: { dropout: true, position: 'alibi' } }));
  expect(found.map(({ path }) => path).toSorted()).toEqual(['model.dropout', 'model.position', 'precision']);
});
