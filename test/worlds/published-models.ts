/** Small models of every family that is published, with a number of its own in each place, and what they are as files. */
import fc from 'fast-check';
import type { ShareRun } from '../../src/effects/share.ts';
import { elementsOfShape } from '../../src/effects/share.ts';
import type { FloatType } from '../../src/exec/checkpoint/floats.ts';
import { fromFloats, toFloats } from '../../src/exec/checkpoint/floats.ts';
import { rangesOf } from '../../src/exec/checkpoint/ranges.ts';
import type { StatesSource } from '../../src/exec/checkpoint/reader.ts';
import type { Exported } from '../../src/exec/hugging-face/export.ts';
import { exportModel } from '../../src/exec/hugging-face/export.ts';
import { sharesOf } from '../../src/model/shares.ts';
import type { Unit } from '../../src/model/unit.ts';
import { EMBEDDING, HEAD, layerUnit, parametersOf, PARTS } from '../../src/model/unit.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import type { Experts, Model } from '../../src/scenario/model.ts';
import { PLAIN } from '../../src/scenario/model.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { memoryDisk } from './memory-disk.ts';

export const CONSTANTS = { normEpsilon: 1e-5, ropeBase: 10_000 };
const EXTENT = { ...CONSTANTS, positions: 32, first: null, last: 0 };

export const gpt = (layers: number, hidden: number): Model => ({
  ...PLAIN,
  name: 'test',
  source: 'test',
  layers,
  hidden: 2 * hidden,
  heads: 2,
  kvHeads: 2,
  headDim: hidden,
  ffn: 3 * hidden,
  gated: false,
  activation: 'gelu',
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  positions: 5,
  vocabulary: 7,
  tied: true,
  bias: { qkv: true, attentionOut: true, mlp: true, head: false },
  embeddingNorm: false,
  dropout: false,
});
export const llama = (layers: number, headDim: number, hasBias = false): Model => ({
  ...gpt(layers, 3),
  heads: 4,
  kvHeads: 2,
  headDim,
  ffn: 5,
  gated: true,
  activation: 'silu',
  norm: 'rmsnorm',
  position: 'rope',
  positions: 0,
  tied: false,
  bias: { qkv: hasBias, attentionOut: hasBias, mlp: hasBias, head: false },
});
const everyLayer = (layers: number): boolean[] => Array.from({ length: layers }, () => true);
const mistral = (layers: number, headDim: number): Model => ({
  ...llama(layers, headDim),
  window: { size: 9, layers: everyLayer(layers) },
});
const experts = (layers: number): Experts => ({
  count: 3,
  active: 2,
  ffn: 5,
  sharedFfn: 0,
  sharedGate: false,
  routerBias: false,
  bias: false,
  layers: everyLayer(layers),
});
export const mixtral = (layers: number, headDim: number): Model => ({
  ...llama(layers, headDim),
  experts: experts(layers),
});

export const anyModel = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }), fc.boolean(), fc.boolean())
  .chain(([layers, width, hasBias, tied]) =>
    fc.constantFrom(
      gpt(layers, width),
      { ...llama(layers, 2 * width, hasBias), tied },
      { ...mistral(layers, 2 * width), tied },
      { ...mixtral(layers, 2 * width), tied },
    ),
  );

/** Names and shapes of the whole tensors that programs make of a model. */
export const ownTensors = (model: Model): ReadonlyMap<string, readonly number[]> => {
  const units: [Unit, string][] = [
    [EMBEDDING, ''],
    ...layerKinds(model).map((kind, layer): [Unit, string] => [layerUnit(kind), `layers.${layer}.`]),
    [HEAD, ''],
  ];
  const seat = { ranks: 1, index: 0, firstExpert: 0 };
  const split = { tp: 1, ep: 1, etp: 1, isSplit: false };
  const all = units.flatMap(([unit, name]) => {
    const parameters = parametersOf(unit, model, split);
    return PARTS.flatMap((part) => parameters[part].flatMap((parameter) => sharesOf(parameter, name, seat)));
  });
  return new Map(all.map(({ name, shape }) => [name, shape]));
};

/** Every element another number that even fp16 holds. */
const numbersFor = (model: Model, type: FloatType): StatesSource => {
  let next = 0;
  const wholes = new Map(
    [...ownTensors(model)].map(([name, shape]) => [
      name,
      toFloats(
        fromFloats(
          Float32Array.from({ length: elementsOfShape(shape) }, () => Math.fround((next += 1) / 7)),
          type,
        ),
        type,
      ),
    ]),
  );
  return {
    read: (_state, run, into) => {
      for (const { local, whole, length } of rangesOf(run))
        into.set(wholes.get(run.share.name)!.subarray(whole, whole + length), local);
    },
    close: () => undefined,
  };
};
export const exported = (model: Model, type: FloatType = 'F32'): Exported => ({
  model,
  source: numbersFor(model, type),
  extent: EXTENT,
  type,
  beside: new Map([['tokenizer.json', Buffer.from('{}')]]),
});
export const onDisk = (one: Exported): MemoryDisk => {
  const disk = memoryDisk();
  exportModel(disk, '/model', one);
  return disk;
};
export const valuesOf = (source: StatesSource, run: ShareRun): Float32Array => {
  const into = new Float32Array(run.length);
  source.read('weight', run, into);
  return into;
};
