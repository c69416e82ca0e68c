/** Flash attention of 8 causal sequences of 128 tokens, 8 heads of 32, on one thread: FLOPs of the pairs that meet. */
import { wasmBackend } from '../dist/kernels/wasm/backend.js';
import { fastestVariant, loadKernels, RESERVED_BYTES } from '../dist/kernels/wasm/module.js';
import { flashAttentionCost } from '../dist/kernels/op/attention.js';

const [batch, tokens, heads, dim] = [8, 128, 8, 32];
const rows = batch * tokens;
const width = heads * dim;
const ROUNDS = 50_000;
const FLOPS_A_ROUND = 96;
const WORKSPACE_BYTES = 1 << 22;

const memory = new WebAssembly.Memory({ initial: 512, maximum: 512, shared: true });
const kernels = loadKernels(memory, fastestVariant());
const backend = wasmBackend({ memory, kernels, workspace: { reserve: () => RESERVED_BYTES } });

const room = { at: RESERVED_BYTES + WORKSPACE_BYTES };
const tensor = (...shape) => {
  const { at } = room;
  const length = shape.reduce((product, one) => product * one, 1);
  const numbers = new Float32Array(memory.buffer, at, length);
  for (const index of numbers.keys()) numbers[index] = Math.sin(index);
  room.at += 4 * length;
  return { dtype: 'fp32', shape, at };
};
const at = { batch, starts: [0], length: tokens };
const part = (index) => ({ tensor: 0, start: index * width, stride: 3 * width });
const operation = (pass) => ({
  kind: 'flash-attention',
  pass,
  batch,
  queries: tokens,
  keys: tokens,
  pairs: (tokens * (tokens + 1)) / 2,
  heads,
  kvHeads: heads,
  keyDim: dim,
  valueDim: dim,
  dtype: 'fp32',
  query: part(0),
  key: part(1),
  value: part(2),
  queriesAt: at,
  keysAt: at,
  window: null,
  sinks: false,
});
const input = tensor(rows, 3 * width);
const outputs = [tensor(rows, width), tensor(rows, heads)];
const gradient = tensor(rows, width);
const gradients = [tensor(rows, width), tensor(rows, 2 * width)];
const run = (pass, from, to) => () => {
  const op = operation(pass);
  backend.run(op, from, to);
  return flashAttentionCost(op).flops;
};

export const bench = {
  subject: 'attention',
  item: 'FLOP',
  figure: 'rate',
  rounds: 30,
  cases: {
    'peak of 128 bits': () => {
      kernels.peakRounds(ROUNDS);
      return ROUNDS * FLOPS_A_ROUND;
    },
    forward: run('forward', [input], outputs),
    backward: run('backward', [input, ...outputs, gradient], gradients),
  },
};
