/** Small GPTs that are trained for a few steps, and where the time of a step goes. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { libraryFor } from '../dist/cli/files.js';
import { meaninglessCorpus } from '../dist/exec/calibration/time-training.js';
import { train } from '../dist/exec/training/train.js';
import { jobsOf } from '../dist/plan/explain.js';
import { parseScenario } from '../dist/scenario/parse.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
/** The compiler and the caches warm up in the first ones. */
const WARM_UP = 3;

/** The whole batch is one microbatch of each rank, as it is of PyTorch's. */
const jobOf = ({ layers, hidden, heads, sequence, batch, vocabulary, precision, dp, tp }) => {
  const shape = `layers: ${layers}, hidden: ${hidden}, heads: ${heads}, positions: ${sequence}, vocabulary: ${vocabulary}`;
  const text = `
model: { name: bench, ${shape}, tied: true, dropout: false }
cluster: local-cpu
devices: ${dp * tp}
workload: { sequence: ${sequence}, globalBatch: ${batch} }
layout: { tp: ${tp}, pp: 1, dp: ${dp}, microbatch: ${batch / dp}, schedule: 1f1b, zero: 0, sequenceParallel: false }
precision: ${precision}
recompute: none
memory: { offload: none }
software: { frameworkMemory: 64MiB, allocatorOverhead: 0% }
train: { steps: 100, learningRate: 1e-3, warmup: 1, clip: none }
data: { tokenizer: bytes }
`;
  const file = 'bench.yaml';
  const parsed = parseScenario({ file, text }, libraryFor(file, { folder }));
  if (parsed.kind !== 'scenario') throw new Error(parsed.complaints.map(({ message }) => message).join('\n'));
  const [job] = jobsOf(parsed.scenario, {});
  if (job === undefined) throw new Error(`no legal layout of dp ${dp} and tp ${tp}`);
  return job;
};

/** The seconds of each of so many steps, of how many cores they kept busy, and what was traced of them. */
export const trainOurs = async ({ kernels, ...shape }, steps, { isTraced = false } = {}) => {
  const job = jobOf(shape);
  const moments = [];
  const order = {
    job,
    itinerary: { first: 1, last: WARM_UP + steps, validatesEvery: null, savesEvery: null },
    origin: { kind: 'seed', seed: 1 },
    saving: null,
    kernels,
    isTimed: false,
    corpus: meaninglessCorpus(job),
  };
  const { ended } = train(order, {
    onObservation: ({ at }) => moments.push({ at, processor: process.cpuUsage() }),
    settings: { isTraced },
  });
  const { trace } = await ended;
  const timed = moments.slice(WARM_UP - 1);
  const seconds = timed.slice(1).map(({ at }, index) => (at - timed[index].at) / 1e9);
  const [first, last] = [timed[0], timed.at(-1)];
  const busy = ({ user, system }) => (user + system) / 1e6;
  const cores = (busy(last.processor) - busy(first.processor)) / ((last.at - first.at) / 1e9);
  return { seconds, cores, shares: isTraced ? sharesOf(trace, { first, last, ranks: job.devices }) : null };
};

const PHASES = new Map([
  ['matmul', 'products'],
  ['flash-attention', 'attention'],
  ['adam', 'optimizer'],
]);

/** Of the ranks' time: idle is waiting for others; what nothing is written down of is messages and the programs themselves. */
const sharesOf = (trace, { first, last, ranks }) => {
  const names = ['products', 'attention', 'element-wise', 'optimizer', 'idle', 'messages and programs'];
  const shares = Object.fromEntries(names.map((name) => [name, 0]));
  const whole = (last.at - first.at) * ranks;
  for (const { kind, rank, lane, name, start, end } of trace) {
    if (kind !== 'span' || rank >= ranks || start < first.at || end > last.at) continue;
    const phase = lane === 'idle' ? 'idle' : (PHASES.get(name) ?? 'element-wise');
    shares[phase] += (end - start) / whole;
  }
  shares['messages and programs'] = 1 - Object.values(shares).reduce((sum, share) => sum + share, 0);
  return shares;
};
