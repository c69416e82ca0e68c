/** Laws of what a real run adds to a scenario: whole when it is right, and every mistake named at its place. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { PLAIN_RUN } from '../worlds/plain-run.ts';
import { nameOf, printed, RIGHT, scenarioOf, shipped } from './scenario-fixtures.ts';

const STEP_ONLY = RIGHT.replace(', tokens: 300B', '');
const withKeys = (lines: string): string => `${STEP_ONLY}${lines}\n`;
const said = (lines: string): readonly string[] => printed(withKeys(lines));
const trainingOf = (train: string) => scenarioOf(withKeys(`train: ${train}`)).training;

test('a scenario that says nothing of a run has the defaults', () => {
  expect(scenarioOf(STEP_ONLY)).toMatchObject(PLAIN_RUN);
});

test('what is written of a run is kept, key by key', () => {
  const text =
    withKeys(`train: {steps: 7, learningRate: 3e-4, minimumLearningRate: 0, warmup: 2, decay: linear, clip: none,
  optimizer: adamw, beta1: 0, beta2: 0.99, epsilon: 1e-6, weightDecay: 0, auxiliaryLoss: 0,
  validation: {every: 5}, seed: 9}
data: {text: a.txt, jsonl: [b.jsonl, c.jsonl], field: body, tokenizer: models/tokenizer.json, validation: 20%}
checkpoint: {folder: saved, every: 3, keep: all}
device: cpu
output: here`);
  expect(scenarioOf(text)).toMatchObject({
    training: {
      steps: 7,
      learningRate: 3e-4,
      minimumLearningRate: 0,
      warmup: 2,
      decay: 'linear',
      clip: null,
      optimizer: 'adamw',
      beta1: 0,
      beta2: 0.99,
      epsilon: 1e-6,
      weightDecay: 0,
      auxiliaryLoss: 0,
      validation: { every: 5, batches: 8 },
      seed: 9,
    },
    data: {
      text: ['a.txt'],
      jsonl: ['b.jsonl', 'c.jsonl'],
      field: 'body',
      tokenizer: { kind: 'file', path: 'models/tokenizer.json' },
      validation: 0.2,
    },
    checkpoint: { folder: 'saved', every: 3, keep: null },
    device: 'cpu',
    output: 'here',
  });
});

test('what follows from other keys does: the lowest rate, the warm-up, the seed, and the steps from the tokens', () => {
  expect(trainingOf('{learningRate: 0.5}').minimumLearningRate).toBe(0.05);
  expect(trainingOf('{steps: 50}').warmup).toBe(5);
  expect(trainingOf('{steps: 5000}').warmup).toBe(100);
  expect(trainingOf('{validation: none}').validation).toBeNull();
  const seeded = STEP_ONLY.replace('seed: 1', 'seed: 42');
  expect(scenarioOf(seeded).training.seed).toBe(42);
  expect(scenarioOf(`${seeded}train: {seed: 7}\n`).training.seed).toBe(7);
  // A step takes 2048 x 512 tokens.
  for (const [tokens, steps] of [
    [2048 * 512, 1],
    [2048 * 512 + 1, 2],
    [300e9, Math.ceil(300e9 / (2048 * 512))],
  ] as const)
    expect(scenarioOf(RIGHT.replace('300B', String(tokens))).training.steps).toBe(steps);
});

test('each mistake is named at its place, with what was wanted', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['train: {step: 5}', /^run\.yaml:12:9 train\.step: is not a key here.*did you mean steps\?/u],
    ['train: {steps: 0}', /train\.steps: 0 is not a whole number of at least 1/u],
    ['train: {steps: 1.5}', /train\.steps: 1\.5 is not a whole number/u],
    ['train: {learningRate: 0}', /train\.learningRate: 0 is not a number above 0/u],
    ['train: {learningRate: fast}', /train\.learningRate: fast is not a number above 0/u],
    ['train: {learningRate: .inf}', /train\.learningRate/u],
    ['train: {learningRate: .nan}', /train\.learningRate/u],
    ['train: {decay: cosin}', /train\.decay: cosin is not one of constant, linear, cosine \(did you mean cosine\?\)/u],
    ['train: {clip: 0}', /train\.clip: 0 is not none, or a number above 0/u],
    ['train: {clip: null}', /train\.clip: nothing is not none/u],
    ['train: {optimizer: adam}', /train\.optimizer: adam is not one of adamw, sgd \(did you mean adamw\?\)/u],
    ['train: {beta1: 1}', /train\.beta1: 1 is not a number from 0/u],
    ['train: {beta2: -0.1}', /train\.beta2: -0\.1 is not a number from 0/u],
    ['train: {weightDecay: -1}', /train\.weightDecay: -1 is not a number of at least 0/u],
    ['train: {auxiliaryLoss: -1}', /train\.auxiliaryLoss: -1 is not a number of at least 0/u],
    ['train: {validation: {evry: 5}}', /train\.validation\.evry: is not a key here.*did you mean every\?/u],
    ['train: {validation: 5}', /train\.validation: 5 is not none, or a mapping of every and batches/u],
    ['train: 5', /^run\.yaml:12:8 train: 5 is not a mapping such as \{steps: 1000/u],
    ['data: {text: []}', /data\.text.*at least one/u],
    ['data: {text: [a, a]}', /data\.text\.1: is in the list already/u],
    ['data: {text: 5}', /data\.text: 5 is not the path of a file/u],
    ['data: {tokenizer: gpt3}', /data\.tokenizer: gpt3 is not one of bytes, gpt2.*did you mean gpt2\?/u],
    ['data: {tokenizer: 5}', /data\.tokenizer: 5 is not one of bytes/u],
    ['data: {validation: 100%}', /data\.validation: a share of 1 leaves nothing to train on/u],
    ['data: {validation: 130%}', /data\.validation: 130% is not a share/u],
    ['checkpoint: {every: 5}', /checkpoint\.folder: is missing; wanted a text/u],
    ['checkpoint: {folder: a, keep: 0}', /checkpoint\.keep: 0 is not a whole number of at least 1/u],
    ['checkpoint: {folder: a, every: never}', /checkpoint\.every: never is not a whole number/u],
    ['device: gpu', /device: gpu is not one of auto, cpu/u],
    ['output: ""', /output: is empty; wanted a text/u],
  ];
  for (const [lines, complaint] of cases) expect(said(lines)).toEqual([expect.stringMatching(complaint)]);
});

test('what cannot be true at once is told at the key that is wrong, whatever else is', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'train: {steps: 10, warmup: 11}',
      /12:28 train\.warmup: 11 steps are more than the 10 of the run \(did you mean 1\?/u,
    ],
    ['train: {warmup: 1001}', /train\.warmup: 1001 steps are more than the 1000 of the run/u],
    ['train: {learningRate: 1e-4, minimumLearningRate: 1e-3}', /0\.001 is above the learning rate of 0\.0001/u],
    ['train: {minimumLearningRate: 1}', /train\.minimumLearningRate: 1 is above the learning rate of 0\.001/u],
    ['train: {optimizer: sgd, beta2: 0.9}', /train\.beta2: is a constant of adamw; sgd has none/u],
    ['data: {field: body}', /data\.field: is of lines of jsonl, and there is no data\.jsonl/u],
    ['data: {validation: 0}', /data\.validation: keeps nothing to validate on; wanted more than 0, or train\.valid/u],
  ];
  for (const [lines, complaint] of cases) {
    expect(said(lines)).toEqual([expect.stringMatching(complaint)]);
    expect(said(`${lines}\ndevice: gpu`)).toHaveLength(2);
  }
  expect(printed(`${RIGHT}train: {steps: 3}\n`)).toEqual([
    expect.stringMatching(
      /train\.steps: 3 steps are not the 286103 that workload\.tokens take \(did you mean 286103\?/u,
    ),
  ]);
  expect(said('train: {optimizer: sgd, validation: none}\ndata: {validation: 0}')).toEqual([]);
  // A mistake that was complained of already contradicts nothing.
  expect(said('train: {steps: x, warmup: 5000}')).toHaveLength(1);
  expect(said('train: {learningRate: x, minimumLearningRate: 5}')).toHaveLength(1);
  expect(printed(`${RIGHT.replace('300B', 'x')}train: {warmup: 5000}\n`)).toHaveLength(1);
});

test('of a run spoilt in any way everything is read or complained of, and nothing throws', () => {
  const anything = fc.oneof(fc.string(), fc.double(), fc.constantFrom('', '{}', '[]', '~', '{a: {}}', '[[1]]', '-1'));
  const key = fc.constantFrom('train', 'data', 'checkpoint', 'device', 'output');
  const inner = fc.constantFrom(
    ...Object.keys(DEFAULT_TRAINING),
    'text',
    'jsonl',
    'field',
    'tokenizer',
    'folder',
    'keep',
  );
  fc.assert(
    fc.property(key, inner, anything, fc.boolean(), (name, below, value, isDeep) => {
      const text = withKeys(`${name}: ${isDeep ? `{${below}: ${String(value)}}` : String(value)}`);
      const complaints = printed(text);
      if (complaints.length === 0) expect(scenarioOf(text).training.steps).toBeGreaterThan(0);
      for (const complaint of complaints) expect(complaint).toMatch(/^run\.yaml:\d+:\d+ /u);
    }),
  );
});

test('the example explains every key of a run, and what it shows is right', () => {
  const example = shipped('runs').find((source) => nameOf(source) === 'example')?.text ?? '';
  const [plan = '', run = ''] = example.split(/(?=^# train:$)/mu);
  const shown = run.replaceAll(/^# /gmu, '');
  expect(printed(`${plan.replace(/^ {2}tokens:.*$/mu, '')}${shown}`)).toEqual([]);
  for (const name of Object.keys(DEFAULT_TRAINING)) expect(shown).toMatch(new RegExp(`^  ${name}: `, 'mu'));
  for (const name of Object.keys(PLAIN_RUN.data)) expect(shown).toMatch(new RegExp(`^  ${name}: `, 'mu'));
  for (const name of ['train', 'data', 'checkpoint', 'device', 'output'])
    expect(shown).toMatch(new RegExp(`^${name}:`, 'mu'));
});

test('what a key wants is said in our words, whatever form the mistake has', () => {
  expect(said('checkpoint: {folder: saved, keep: ALL}')).toEqual([
    expect.stringMatching(/checkpoint\.keep: ALL is not all, or a whole number of at least 1 \(did you mean all\?\)$/u),
  ]);
  expect(said('data: {text: ""}')).toEqual([expect.stringMatching(/data\.text: is empty; wanted a text/u)]);
});
test('a tag that makes no text of a text is complained of where it stands', () => {
  expect(printed(withKeys('train: !!binary aGk='))).toEqual([
    expect.stringMatching(/^run\.yaml:12:17 train: !!binary makes something else of this than a text or a number/u),
  ]);
});
