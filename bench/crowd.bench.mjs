/**
 * How fast a crowd plays: one step of Llama 3.1 405B on thousands of cards, every one an actor, each message with its links to
 * itself and with messages that share them; and collectives message by message. `SCALES=1024,4096` takes a part.
 */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { libraryFor } from '../dist/cli/files.js';
import { collective, tensor } from '../dist/effects/ask.js';
import { jobsOf } from '../dist/plan/explain.js';
import { ASSUMED_FABRIC, CALM } from '../dist/scenario/conditions.js';
import { parseScenario } from '../dist/scenario/parse.js';
import { circumstancesOf } from '../dist/sim/circumstances.js';
import { folded } from '../dist/sim/folded.js';
import { full } from '../dist/sim/full.js';
import { machineOf } from '../dist/sim/machine.js';
import { messageCrowd } from '../dist/sim/message-crowd.js';
import { rotatingCrowd } from '../dist/sim/rotating-crowd.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const SCALES = (process.env.SCALES ?? '1024,2048,4096,8192,16384,32768,65536').split(',').map(Number);
/** More cards than that share links for minutes. */
const SHARED_MAX = 16_384;

const jobOn = (devices) => {
  const dp = devices / 128;
  const text = `
model: llama-3.1-405b
cluster: h100-sxm
devices: ${devices}
workload: { sequence: 8192, globalBatch: ${16 * dp} }
layout: { tp: 8, cp: 1, pp: 16, vp: 2, ep: 1, dp: ${dp}, microbatch: 1, schedule: interleaved, zero: 1, sequenceParallel: true }
precision: bf16
recompute: none
memory: { offload: none }
`;
  const file = 'bench.yaml';
  const parsed = parseScenario({ file, text }, libraryFor(file, { folder }));
  if (parsed.kind !== 'scenario') throw new Error(parsed.complaints.map(({ message }) => message).join('\n'));
  return jobsOf(parsed.scenario, {})[0];
};

const playing = (devices) => {
  const job = jobOn(devices);
  return () => full(job).effects;
};
const sharing = (devices) => {
  const job = jobOn(devices);
  const conditions = { ...CALM, network: 'shared' };
  const circumstances = circumstancesOf(job, conditions, { fabric: ASSUMED_FABRIC, order: null });
  return () => full(job, circumstances).effects;
};

const machine = { ...machineOf(jobOn(1024)), scaleUpDomain: 8 };
const group = (axis, first, stride, size) => ({ axis, first, stride, size });
const ringOf = (size) => () =>
  rotatingCrowd(
    size,
    (function* () {
      const whole = yield* tensor([2 ** 20], 'fp32', 'communication');
      yield* collective({
        operation: 'all-reduce',
        algorithm: { kind: 'ring' },
        group: group('dp', 0, 1, size),
        whole,
        shard: whole,
      });
    })(),
    machine,
  ).messages;
/** In the node, then among all nodes of one number, then in the node again. */
const hierarchyOf = (size, perNode, elements) => () =>
  messageCrowd(
    size,
    (self) =>
      (function* () {
        const whole = yield* tensor([elements], 'fp32', 'communication');
        const shard = yield* tensor([elements / perNode], 'fp32', 'communication');
        const node = group('tp', self - (self % perNode), 1, perNode);
        const rail = group('dp', self % perNode, perNode, size / perNode);
        const ring = { kind: 'ring' };
        yield* collective({ operation: 'reduce-scatter', algorithm: ring, group: node, whole, shard });
        yield* collective({
          operation: 'all-reduce',
          algorithm: { kind: 'halving-doubling' },
          group: rail,
          whole: shard,
          shard,
        });
        yield* collective({ operation: 'all-gather', algorithm: ring, group: node, whole, shard });
      })(),
    machine,
  ).messages;

const steps = (name, scales, caseOf) => ({
  subject: `crowd, ${name}`,
  item: 'effect',
  figure: 'rate',
  rounds: 3,
  cases: Object.fromEntries(scales.map((devices) => [`${devices} cards`, caseOf(devices)])),
});

export const bench = [
  {
    subject: 'crowd, message by message',
    item: 'message',
    figure: 'rate',
    rounds: 3,
    cases: { 'ring of 1024': ringOf(1024), 'hierarchy of 16384, 1 GiB': hierarchyOf(16_384, 8, 2 ** 28) },
  },
  {
    subject: 'folded, 16384 cards',
    item: 'layout',
    figure: 'rate',
    cases: { folded: ((job) => () => (folded(job), 1))(jobOn(16_384)) },
  },
  steps('links to themselves', SCALES, playing),
  steps(
    'links shared',
    SCALES.filter((devices) => devices <= SHARED_MAX),
    sharing,
  ),
];
