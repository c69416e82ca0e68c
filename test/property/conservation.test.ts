/** Laws of conservation: however a model is cut into ranks, its parameters and its products are those of the whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceContext } from '../../src/actors/device-context.ts';
import { placeDevice } from '../../src/actors/device.ts';
import { modelFlops } from '../../src/model/flops.ts';
import { FORMATS } from '../../src/model/precision.ts';
import { chunksOf, splitLayers, unitsOf } from '../../src/model/stages.ts';
import { paddedVocabulary } from '../../src/model/parameter.ts';
import { elementsOfAll, parametersOf, PARTS } from '../../src/model/unit.ts';
import type { Job, Recompute } from '../../src/scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../../src/scenario/job.ts';
import { endsOf, positionCount } from '../../src/scenario/layer-split.ts';
import { parameterCount, predictorParameterCount } from '../../src/scenario/parameters.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { rank } from '../../src/units/identity.ts';
import { positions } from '../worlds/collective-case.ts';
import { countStep, CountingWorld, productsOf } from '../worlds/counting.ts';
import { anyJob, anyJobOf, legalJobs, nameOf } from '../worlds/job-case.ts';
import { tinyModel } from '../worlds/jobs.ts';

const NONE: Recompute = { kind: 'none' };
const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);

/** The parameters of one data replica: what is split once a rank, what is copied once, padding and a tied head's copy never. */
const replicaParameters = ({ model, layout }: Job): number => {
  const { tp, pp, ep, etp } = layout;
  return add(
    chunksOf(model, splitLayers(model.layers, positionCount(layout), endsOf(model, layout)))
      .flatMap((chunk) => unitsOf(chunk))
      .flatMap((unit) => {
        const { shared, table, experts } = parametersOf(unit, model, { tp, ep, etp, isSplit: pp > 1 });
        const whole = (parameters: typeof shared, ranks: number): readonly number[] =>
          parameters
            .filter(({ isCopy }) => !isCopy)
            .map(({ elements, padding, isSharded }) => (isSharded ? ranks * (elements - padding) : elements));
        return [...whole([...shared, ...table], tp), ...whole(experts, etp).map((elements) => ep * elements)];
      }),
  );
};

test('the parameters of all ranks of a replica are those of the model, whatever the model and the layout', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      expect(replicaParameters(job)).toBe(parameterCount(job.model) + predictorParameterCount(job.model));
    }),
    { numRuns: 250 },
  );
});

test('every layer is on one chunk, no chunk has two more than another, and the ends alone have the ends', () => {
  for (let layers = 1; layers <= 40; layers++)
    for (let count = 1; count <= 24; count++) {
      const split = splitLayers(layers, count);
      const inOrder = chunksOf({ ...tinyModel, layers }, split);
      expect(inOrder.map(({ position }) => position)).toEqual(positions(count));
      expect(inOrder.map((chunk) => chunk.layers.length)).toEqual(split);
      expect(add(split)).toBe(layers);
      expect(Math.max(...split) - Math.min(...split)).toBeLessThanOrEqual(1);
      expect(inOrder.flatMap(({ hasEmbedding }, index) => (hasEmbedding ? [index] : []))).toEqual([0]);
      expect(inOrder.flatMap(({ hasHead }, index) => (hasHead ? [index] : []))).toEqual([count - 1]);
    }
});

/** Bytes that each rank holds once it is placed, by purpose. */
const placed = (job: Job, purpose: 'weights' | 'gradients' | 'optimizer'): readonly number[] =>
  positions(job.devices).map((index) => {
    const world = new CountingWorld();
    world.run(new Map([[rank(index), placeDevice(deviceContext(job, rank(index)))]]));
    return world.tallyOf(rank(index)).held[purpose];
  });

/** Elements of all ranks, and what they come to when the ranks that hold the same share them out, part by part. */
const elementsOfRanks = (job: Job): { readonly whole: number; readonly shared: number; readonly units: number } => {
  const { cp, dp, replicas } = job.layout;
  const same = (cp * dp) / replicas;
  const shards = { shared: same, table: same, experts: expertDataRanks(job.layout) / replicas };
  let [whole, shared, units] = [0, 0, 0];
  for (const index of positions(job.devices)) {
    const { chunks, layer } = deviceContext(job, rank(index));
    for (const unit of chunks.flatMap((chunk) => unitsOf(chunk))) {
      units++;
      for (const part of PARTS) {
        const elements = elementsOfAll(layer.parametersOf(unit)[part]);
        whole += elements;
        shared += elements / shards[part];
      }
    }
  }
  return { whole, shared, units };
};

test('the shards of ZeRO add up to the whole, with less than one element a part of a unit and rank to spare', () => {
  fc.assert(
    fc.property(anyJobOf(8), (job) => {
      const { zero } = job.layout;
      const { weight, gradient, optimizerBytes, copyBytes } = FORMATS[job.precision];
      const { whole, shared, units } = elementsOfRanks(job);
      const cases = [
        { purpose: 'optimizer', from: 1, width: optimizerBytes, copies: 0 },
        { purpose: 'gradients', from: 2, width: DTYPE_BYTES[gradient], copies: 0 },
        // Quantised copies of the weights stay whole.
        { purpose: 'weights', from: 3, width: DTYPE_BYTES[weight], copies: whole * copyBytes },
      ] as const;
      for (const { purpose, from, width, copies } of cases) {
        const once = (zero >= from ? shared : whole) * width + copies;
        const held = add(placed(job, purpose));
        expect(held, purpose).toBeGreaterThanOrEqual(once - 1e-3);
        expect(held, purpose).toBeLessThan(once + (zero >= from ? 2 * units * width : 1));
      }
    }),
    { numRuns: 60 },
  );
});

/** Products of the serial model for the whole batch; the vocabulary is padded as the layout asks. */
const serial = ({ model, workload, layout }: Job) => {
  const { sequence, globalBatch } = workload;
  const padding = (1 + model.predictors) * (paddedVocabulary(model.vocabulary, layout.tp) - model.vocabulary);
  const heads = (model.layers + model.predictors) * model.heads * model.headDim;
  const core = 12 * sequence ** 2 * heads;
  const padded = modelFlops(model, sequence, 'full') + 6 * sequence * model.hidden * padding;
  const head = 6 * sequence * model.hidden * (model.vocabulary + padding);
  return {
    matrix: globalBatch * (padded - core),
    core: globalBatch * core,
    causal:
      globalBatch * (modelFlops(model, sequence, 'causal') + 6 * sequence * model.hidden * padding - padded + core),
    layer: globalBatch * ((padded - core - head) / model.layers),
    mlp: globalBatch * 6 * sequence * model.layers * model.hidden * model.ffn * (model.gated ? 3 : 2),
  };
};

/** The forms above are of attention that sees everything, with keys and values of one width. */
const isCounted = ({ model }: Job): boolean => model.latent === null && model.window === null;
/** With a capacity experts drop rows and pad others. */
const droplessly = (job: Job): Job => ({ ...job, software: { ...job.software, expertCapacity: null } });

const expectConserved = (job: Job): void => {
  const { matrix, core, causal } = serial(job);
  const { again: _, ...counted } = productsOf(job);
  const flash = { flashForward: causal / 3, flashBackward: (causal / 3) * 2.5 };
  // A ring works block by block whatever the software does elsewhere.
  const isFlash = job.software.attention === 'flash' || (job.layout.cp > 1 && job.layout.contextKind === 'ring');
  const wanted = isFlash
    ? { matrix, batched: 0, ...flash }
    : { matrix, batched: core, flashForward: 0, flashBackward: 0 };
  expect({ job: nameOf(job), ...counted }).toEqual({ job: nameOf(job), ...wanted });
};

test.each([1, 2, 3, 4, 6, 8])('on %d ranks every layout multiplies what one rank multiplies', (devices) => {
  for (const job of legalJobs(devices, { workload: { globalBatch: 2 * devices } })) expectConserved(job);
});

test('every model on every layout multiplies what the serial model does', () => {
  fc.assert(
    fc.property(anyJob.filter(isCounted), (job) => expectConserved(droplessly({ ...job, recompute: NONE }))),
    { numRuns: 100 },
  );
});

/** Forward products of what the kind of recomputation runs a second time. */
const repeated = (job: Job): number => {
  const { model, layout, recompute, software } = job;
  const { layer, core, causal, mlp } = serial(job);
  const isRing = layout.cp > 1 && layout.contextKind === 'ring';
  const coreForward = software.attention === 'flash' || isRing ? causal / 3 : core / 3;
  switch (recompute.kind) {
    case 'none':
      return 0;
    case 'selective':
      return (
        (recompute.modules.includes('core_attn') ? coreForward : 0) + (recompute.modules.includes('mlp') ? mlp / 3 : 0)
      );
    case 'full': {
      const most = recompute.layers === 'all' ? model.layers : recompute.layers;
      const split = splitLayers(model.layers, positionCount(layout), endsOf(model, layout));
      const layers = add(split.map((count) => Math.min(count, most)));
      return layers * (layer / 3 + coreForward / model.layers);
    }
    default:
      return recompute satisfies never;
  }
};

/** True of a model whose layers all multiply as much, and nothing beside them does. */
const isUniform = ({ model }: Job): boolean => model.experts === null && model.kvShare === 1 && model.predictors === 0;

test('recomputation multiplies exactly the forward products of what it repeats, and nothing else changes', () => {
  fc.assert(
    fc.property(
      anyJob.filter((job) => isCounted(job) && isUniform(job)),
      (job) => {
        const [plain, counted] = [productsOf({ ...job, recompute: NONE }), productsOf(job)];
        const sum = ({ matrix, batched, flashForward, flashBackward }: typeof plain): number =>
          matrix + batched + flashForward + flashBackward;
        expect(counted.again).toBe(repeated(job));
        expect(sum(counted) - sum(plain)).toBe(counted.again);
      },
    ),
    { numRuns: 100 },
  );
});

test('every microbatch counts: twice the batch is twice the products', () => {
  fc.assert(
    fc.property(anyJobOf(4), (job) => {
      const twice = { ...job, workload: { ...job.workload, globalBatch: 2 * job.workload.globalBatch } };
      expect(microbatchesOf(twice)).toBe(2 * microbatchesOf(job));
      const [once, doubled] = [productsOf(job), productsOf(twice)];
      for (const kind of ['matrix', 'batched', 'flashForward', 'flashBackward', 'again'] as const)
        expect(doubled[kind]).toBe(2 * once[kind]);
    }),
    { numRuns: 40 },
  );
});

test('the price of an operation counts the products that its shape has', () => {
  fc.assert(
    fc.property(anyJobOf(2), (job) => {
      const counted = countStep(job).map(({ products }) => add(Object.values(products)) - products.again);
      expect(add(counted)).toBeGreaterThan(0);
      expect(countStep(job).map(({ priced }) => priced)).toEqual(counted);
    }),
    { numRuns: 40 },
  );
});
