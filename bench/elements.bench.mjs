/** How fast the compiled kernels pass over memory, beside a copy and beside plain loops: bytes that each must move. */
import { costOf } from '../dist/kernels/op.js';
import { wasmBackend } from '../dist/kernels/wasm/backend.js';
import { loadKernels, RESERVED_BYTES } from '../dist/kernels/wasm/module.js';

const [ROWS, WIDTH] = [2048, 1024];
const ELEMENTS = ROWS * WIDTH;
const EPSILON = 1e-5;
/** So small that weights stay where they are, however often. */
const RATE = 1e-20;

const PAGE = 65_536;
const SCRATCH = 2048 * PAGE;
const memory = new WebAssembly.Memory({ initial: 2560, maximum: 2560, shared: true });
const kernels = loadKernels(memory);
const backend = wasmBackend({ memory, kernels, workspace: { reserve: () => SCRATCH } });

const BYTES = { fp32: 4, int32: 4, bf16: 2 };
const room = { end: RESERVED_BYTES };
const operand = (dtype, ...shape) => {
  const at = room.end;
  const length = shape.reduce((product, one) => product * one, 1);
  room.end += length * BYTES[dtype];
  const numbers = dtype === 'bf16' ? null : new Float32Array(memory.buffer, at, length);
  return { dtype, shape, at, numbers };
};

const [x, y, first, second] = [0, 1, 2, 3].map(() => operand('fp32', ROWS, WIDTH));
const [gain, bias, toGain, toBias] = [0, 1, 2, 3].map(() => operand('fp32', WIDTH));
const [scalar, sum, loss] = [0, 1, 2].map(() => operand('fp32', 1));
const [labels, statistics] = [operand('int32', ROWS), operand('fp32', 3, ROWS)];
const [shortX, shortY] = [operand('bf16', ROWS, WIDTH), operand('bf16', ROWS, WIDTH)];
for (const { numbers } of [x, gain, bias]) for (let i = 0; i < numbers.length; i++) numbers[i] = Math.sin(i);
scalar.numbers[0] = 1;

const norm = { kind: 'norm', norm: 'layernorm', rows: ROWS, hidden: WIDTH, epsilon: EPSILON, heads: null };
const gelu = {
  kind: 'activation',
  activation: 'gelu',
  gated: false,
  weighted: false,
  elements: ELEMENTS,
  width: WIDTH,
};
const at = { batch: 2, starts: [0], length: ROWS / 2 };
const rope = { kind: 'rope', elements: ELEMENTS, heads: [WIDTH / 64], headDim: 64, base: 10_000, isInverse: false, at };
const crossEntropy = {
  kind: 'cross-entropy',
  tokens: ROWS,
  vocabulary: WIDTH,
  first: 0,
  words: WIDTH,
  weight: 1 / ROWS,
};
const rates = { learningRate: RATE, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, step: 1 };
const optimizer = { elements: ELEMENTS, gradient: 'fp32', weight: 'fp32', master: false };
const [forward, backward, dtype] = ['forward', 'backward', 'fp32'];

/** Operations and their operands. */
const CASES = {
  add: [{ kind: 'add', elements: ELEMENTS, dtype }, [x, y], [first]],
  'add bf16': [{ kind: 'add', elements: ELEMENTS, dtype: 'bf16' }, [shortX, shortY], [shortY]],
  'layernorm forward': [{ ...norm, pass: forward, dtype }, [x, gain, bias], [y]],
  'layernorm forward bf16': [{ ...norm, pass: forward, dtype: 'bf16' }, [shortX, gain, bias], [shortY]],
  'layernorm backward': [{ ...norm, pass: backward, dtype }, [x, gain, y], [first, toGain, toBias]],
  'gelu forward': [{ ...gelu, pass: forward, dtype }, [x], [y]],
  'gelu backward': [{ ...gelu, pass: backward, dtype }, [x, y], [first]],
  rope: [{ ...rope, dtype }, [x], [x]],
  'bias gradient': [{ kind: 'bias-gradient', rows: ROWS, columns: WIDTH, dtype }, [x], [toBias]],
  'cross-entropy forward': [{ ...crossEntropy, pass: forward, dtype }, [x, labels], [first, statistics]],
  'token loss': [{ kind: 'token-loss', tokens: ROWS, ranks: 1, self: 0 }, [statistics, scalar], [toBias, loss]],
  adam: [{ kind: 'adam', ...optimizer, decays: [true], rates, on: 'card' }, [x, scalar], [y, first, second]],
  'squared norm': [{ kind: 'squared-norm', elements: ELEMENTS, dtype }, [x], [sum]],
  'cast to bf16': [{ kind: 'cast', elements: ELEMENTS, from: dtype, to: 'bf16' }, [x], [shortX]],
};
const compiled = ([op, inputs, outputs]) => {
  const { traffic } = costOf(op);
  return () => {
    backend.run(op, inputs, outputs);
    return traffic;
  };
};

/** The same arithmetic as one would write it by hand. */
const looped = {
  add: () => {
    const [a, b, to] = [x.numbers, y.numbers, first.numbers];
    for (let i = 0; i < ELEMENTS; i++) to[i] = a[i] + b[i];
  },
  'layernorm forward': () => {
    for (let start = 0; start < ELEMENTS; start += WIDTH) {
      let mean = 0;
      for (let i = 0; i < WIDTH; i++) mean += x.numbers[start + i];
      mean /= WIDTH;
      let variance = 0;
      for (let i = 0; i < WIDTH; i++) variance += (x.numbers[start + i] - mean) ** 2;
      const scale = 1 / Math.sqrt(variance / WIDTH + EPSILON);
      for (let i = 0; i < WIDTH; i++)
        y.numbers[start + i] = (x.numbers[start + i] - mean) * scale * gain.numbers[i] + bias.numbers[i];
    }
  },
  'gelu forward': () => {
    for (let i = 0; i < ELEMENTS; i++) {
      const one = x.numbers[i];
      y.numbers[i] = 0.5 * one * (1 + Math.tanh(0.7978845608 * (one + 0.044715 * one * one * one)));
    }
  },
  adam: () => {
    for (let i = 0; i < ELEMENTS; i++) {
      const gradient = x.numbers[i];
      const average = 0.9 * first.numbers[i] + 0.1 * gradient;
      const square = 0.99 * second.numbers[i] + 0.01 * gradient * gradient;
      first.numbers[i] = average;
      second.numbers[i] = square;
      y.numbers[i] -= (RATE * (average / 0.1)) / (Math.sqrt(square / 0.01) + 1e-8);
    }
  },
};
const byHand = (name, run) => {
  const { traffic } = costOf(CASES[name][0]);
  return () => {
    run();
    return traffic;
  };
};

const copy = () => {
  first.numbers.set(x.numbers);
  return 2 * x.numbers.byteLength;
};

export const bench = {
  subject: 'elements',
  item: 'byte',
  figure: 'rate',
  cases: {
    'a copy': copy,
    ...Object.fromEntries(Object.entries(CASES).map(([name, one]) => [name, compiled(one)])),
    ...Object.fromEntries(Object.entries(looped).map(([name, run]) => [`${name}, plain loops`, byHand(name, run)])),
  },
};
