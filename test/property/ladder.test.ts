/** Laws of the ladder: a cheaper rung never says more than it knows, and agrees with the dearer one wherever it may. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stageSize } from '../../src/actors/mesh.ts';
import { AXES } from '../../src/effects/group.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { PARTS } from '../../src/model/unit.ts';
import type { Job } from '../../src/scenario/job.ts';
import { bound } from '../../src/sim/bound.ts';
import type { Evaluation } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { sketch } from '../../src/sim/sketch.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { memoryPeak } from '../../src/sim/stage-report.ts';
import { expectAgreement, longestChain } from '../worlds/agreement.ts';
import { positions } from '../worlds/collective-case.ts';
import type { JobParts } from '../worlds/job-case.ts';
import { anyJob, anyJobOf, exchangesEvenly, fitsDomains, legalJobs, nameOf } from '../worlds/job-case.ts';
import { latentModel, mixtureModel } from '../worlds/families.ts';
import { tinyCluster, tinyJob } from '../worlds/jobs.ts';
import { ROTARY, roundJobs } from '../worlds/round-jobs.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);

/** Jobs of up to 64 ranks: only the message rung minds their number. */
const largeJob = fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64).chain(anyJobOf);

describe('the bound', () => {
  test('is never longer than the folded step', () => {
    fc.assert(
      fc.property(largeJob, (job) => {
        expect(nanoseconds(bound(job).step)).toBeLessThanOrEqual(nanoseconds(folded(job).step));
      }),
      { numRuns: 150 },
    );
  });

  test('is the folded step itself on a rank alone without a loader to wait for', () => {
    fc.assert(
      fc.property(anyJobOf(1), (job) => {
        const [least, step] = [bound(job).step, folded(job).step];
        // The first read of the data loader is all that a lone rank ever waits for.
        const read = nanoseconds(2 * (5e-6 + (4 * job.layout.microbatch * job.workload.sequence) / (31.5e9 * 0.8))) + 2;
        expect(nanoseconds(step) - nanoseconds(least)).toBeLessThanOrEqual(read);
      }),
      { numRuns: 100 },
    );
  });

  test('knows the peak of memory of every stage to the byte, and what it is made of', () => {
    fc.assert(
      fc.property(largeJob, (job) => {
        expect(memoryOf(bound(job))).toEqual(memoryOf(folded(job)));
      }),
      { numRuns: 150 },
    );
  });

  test.each([1, 2, 3, 4, 6, 8])('holds on every legal layout of %d ranks', (devices) => {
    for (const job of legalJobs(devices, { workload: { globalBatch: 4 * devices } })) {
      const [least, whole] = [bound(job), folded(job)];
      expect({ job: nameOf(job), memory: memoryOf(least) }).toEqual({ job: nameOf(job), memory: memoryOf(whole) });
      expect(nanoseconds(least.step), nameOf(job)).toBeLessThanOrEqual(nanoseconds(whole.step));
    }
  });

  test('counts the FLOPs and the bytes of the folded rung', () => {
    fc.assert(
      fc.property(largeJob, (job) => {
        const [least, whole] = [bound(job), folded(job)];
        expect(least.hardwareFlops).toBe(whole.hardwareFlops);
        expect(least.sent).toEqual(whole.sent);
      }),
      { numRuns: 120 },
    );
  });
});

const memoryOf = ({ stages }: Evaluation): unknown =>
  stages.map(({ memory: { total, byPurpose } }) => ({ total, byPurpose }));

test('a sketch is never longer than the simulation, and never needs more memory', () => {
  fc.assert(
    fc.property(largeJob, (job) => {
      const [rough, least] = [sketch(job, profileCache()), folded(job)];
      expect(nanoseconds(rough.step)).toBeLessThanOrEqual(nanoseconds(least.step));
      expect(rough.memory).toBeLessThanOrEqual(Math.max(...least.stages.map(({ memory }) => memory.total)));
    }),
    { numRuns: 150 },
  );
});

/** Two jobs of one search, which a cache serves: of one model, cluster, workload shape and software. */
const anyPair: fc.Arbitrary<readonly [Job, Job]> = fc
  .constantFrom(4, 8)
  .chain((devices) => fc.tuple(anyJobOf(devices), anyJobOf(devices)))
  .chain(([first, { precision, recompute }]) => {
    const { devices, ...parts } = first;
    const others = [first, ...legalJobs(devices, parts)];
    return fc.constantFrom(...others).map(({ layout }) => {
      const second: Job = { ...first, layout, precision, recompute };
      return [first, ruleAgainst(second) === null ? second : { ...second, recompute: { kind: 'none' } }] as const;
    });
  });

test('what one job left in the cache of profiles changes nothing for another', () => {
  fc.assert(
    fc.property(anyPair, ([first, other]) => {
      const cache = profileCache();
      sketch(first, cache);
      bound(first, cache);
      folded(first, cache);
      expect(sketch(other, cache)).toEqual(sketch(other, profileCache()));
      expect(folded(other, cache)).toEqual(folded(other));
      expect(bound(other, cache)).toEqual(bound(other));
    }),
    { numRuns: 60 },
  );
});

const times = ({ step, stages }: Evaluation): unknown => ({
  step: nanoseconds(step),
  stages: stages.map(({ terms, filledAt, drainsAt }) => ({
    filledAt: nanoseconds(filledAt),
    drainsAt: nanoseconds(drainsAt),
    terms: TERMS.map((term) => `${term} ${nanoseconds(terms[term])}`),
  })),
});

const VARIANTS: readonly (readonly [name: string, parts: JobParts])[] = [
  ['plain', {}],
  ['two cards a domain', { cluster: { scaleUpDomain: 2, devicesPerNode: 2 } }],
  [
    'selective, no overlap',
    {
      recompute: { kind: 'selective', modules: ['core_attn', 'layernorm'] },
      software: { ...tinyJob().software, overlap: false },
      cluster: { scaleUpDomain: 4, devicesPerNode: 4 },
    },
  ],
  ['full, tied, in fp8', { recompute: { kind: 'full', layers: 1 }, model: { tied: true }, precision: 'fp8-block' }],
];

/** Experts have many more layouts. */
const WITH_EXPERTS: typeof VARIANTS = [
  ['experts', { model: mixtureModel({ sharedFfn: 128 }), cluster: { scaleUpDomain: 4, devicesPerNode: 4 } }],
  [
    'latent attention, a predictor and the first layers dense',
    {
      model: {
        ...latentModel(96),
        ...mixtureModel({ active: 1, layers: positions(8).map((layer) => layer > 1) }),
        predictors: 1,
      },
    },
  ],
];

describe.each([
  ...VARIANTS.map(([name, parts]) => [name, parts, [1, 2, 3, 4]] as const),
  ...WITH_EXPERTS.map(([name, parts]) => [name, parts, [1, 2, 3]] as const),
])('on every legal layout, %s', (_, parts, sizes) => {
  test.each(sizes)('of %d ranks one rank of each stage stands for all of them', (devices) => {
    const jobs = legalJobs(devices, { ...parts, workload: { globalBatch: 2 * devices } }).filter(fitsDomains);
    expect(jobs.length).toBeGreaterThan(0);
    for (const job of jobs) expectAgreement(job);
  });
});

test('on links that leave nothing to round, folded and message agree to the nanosecond, term by term', () => {
  for (const devices of [1, 2, 4])
    for (const job of roundJobs(devices, ROTARY)) {
      const name = { job: nameOf(job) };
      expect({ ...name, ...(times(folded(job)) as object) }).toEqual({
        ...name,
        ...(times(message(job).evaluation) as object),
      });
    }
});

test('random jobs agree as well, up to 16 ranks', () => {
  fc.assert(
    fc.property(
      fc
        .oneof(
          { weight: 8, arbitrary: anyJob },
          { weight: 1, arbitrary: anyJobOf(12) },
          { weight: 1, arbitrary: anyJobOf(16) },
        )
        .filter(fitsDomains),
      expectAgreement,
    ),
    {
      numRuns: 100,
    },
  );
});

/**
 * Times that a rank adds its share of a gradient to what it keeps, in which data ranks differ by an element at most: that of
 * a tied table once, and from ZeRO 2 on each part of each unit with every microbatch.
 */
const unevenAdditions = ({ layout, model, workload }: Job): number => {
  if (layout.zero < 2) return 1;
  const units = model.layers + model.predictors + 2;
  return 1 + (workload.globalBatch / layout.dp / layout.microbatch) * units * (PARTS.length + 1);
};

/** Learned positions that the first tensor rank adds in a step, and the others do not. */
const positionsAdded = ({ layout, model, workload }: Job): number =>
  layout.tp > 1 && model.position === 'learned'
    ? (model.hidden * workload.sequence * workload.globalBatch) / layout.cp / layout.dp
    : 0;

test('all ranks of a stage hold the same, send as much to the byte a message, and end together', () => {
  fc.assert(
    fc.property(
      anyJob.filter((job) => fitsDomains(job) && exchangesEvenly(job)),
      (job) => {
        const run = message(job);
        const { reports, evaluation } = run;
        const ranks = stageSize(job.layout);
        const work = reports.reduce((total, { work }) => total + work.flops, 0);
        const apart = unevenAdditions(job) + positionsAdded(job);
        expect(work - evaluation.hardwareFlops).toBeLessThanOrEqual(job.devices * unevenAdditions(job));
        expect(evaluation.hardwareFlops - work).toBeLessThanOrEqual(job.devices * apart);
        for (const [index, report] of reports.entries()) {
          const first = reports[index - (index % ranks)]!;
          expect(memoryPeak(job.software, report)).toEqual(memoryPeak(job.software, first));
          expect(report.work.flops - first.work.flops).toBeLessThanOrEqual(unevenAdditions(job));
          expect(first.work.flops - report.work.flops).toBeLessThanOrEqual(apart);
          for (const axis of AXES) {
            const apart = Math.abs(report.work.sentOn(axis) - first.work.sentOn(axis));
            expect(apart).toBeLessThanOrEqual(1e-2 * first.work.sentOn(axis));
          }
          expect(Math.abs(report.at - first.at)).toBeLessThanOrEqual(longestChain(run, job));
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('on a grid that straddles domains the rungs still count the same bytes of memory and the same FLOPs', () => {
  const job = tinyJob({
    layout: { tp: 1, dp: 3, pp: 2 },
    cluster: { ...tinyCluster, scaleUpDomain: 2, devicesPerNode: 2 },
    workload: { globalBatch: 6 },
  });
  expect(fitsDomains(job)).toBe(false);
  const [one, all] = [folded(job), message(job).evaluation];
  expect(memoryOf(one)).toEqual(memoryOf(all));
  expect(one.hardwareFlops).toBe(all.hardwareFlops);
});
