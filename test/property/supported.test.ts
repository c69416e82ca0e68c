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
  ['latent', { model: latentModel(96) }],
  ['predictors', { model: { predictors: 1 } }],
  ['position alibi', { model: { position: 'alibi' } }],
  ['dropout', { model: { dropout: true } }],
  ['sinks', { model: { sinks: true }, layout: { cp: 2 } }],
  ['qkNorm all', { model: { qkNorm: 'all' }, layout: { tp: 2 } }],
  ['experts.sharedGate', { model: mixtureModel({ sharedFfn: 8, sharedGate: true }) }],
  ['experts.bias', { model: mixtureModel({ bias: true }) }],
  ...PRECISIONS.filter((precision) => !['fp32', 'bf16', 'fp16'].includes(precision)).map(
    (precision): [string, Asked] => [`precision ${precision}`, { precision }],
  ),
])('%s is refused in one sentence that names it', (key, asked) => {
  const [sentence, ...others] = unsupported(jobOf(asked));
  expect(others).toEqual([]);
  expect(sentence).toContain(key);
});
