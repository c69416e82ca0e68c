/** Products of 512 x 512 matrices in fp32 on one thread, beside the most that its vectors of 128 bits can do. */
import { nativeGemm } from '../dist/kernels/native/native-gemm.js';
import { GEMM_SCRATCH_BYTES } from '../dist/kernels/wasm/matrix-kernels.js';
import { fastestVariant, loadKernels, RESERVED_BYTES } from '../dist/kernels/wasm/module.js';

const SIDE = 512;
const FLOPS = 2 * SIDE ** 3;
const ROUNDS = 100_000;
const FLOPS_A_ROUND = 96;

const MATRIX_BYTES = 4 * SIDE * SIDE;
const [left, right, output] = [0, 1, 2].map((index) => RESERVED_BYTES + GEMM_SCRATCH_BYTES + index * MATRIX_BYTES);
const memory = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
new Float32Array(memory.buffer, left, 2 * SIDE * SIDE).fill(0.5);

const fastest = fastestVariant();
const kernels = Object.fromEntries(['simd', fastest].map((variant) => [variant, loadKernels(memory, variant)]));
const compiled = ({ gemm }) => {
  gemm(0, SIDE, SIDE, SIDE, left, SIDE, right, SIDE, output, SIDE, 0, RESERVED_BYTES);
  return FLOPS;
};
const { gemm: native } = nativeGemm(memory);
const natively = () => {
  const [m, n, k] = [SIDE, SIDE, SIDE];
  const rows = { leftRow: SIDE, rightRow: SIDE, outputRow: SIDE };
  if (!native.multiply({ flags: 0, m, n, k, left, right, output, ...rows, bias: 0 }))
    throw new Error(`${native.name} refused a plain product`);
  return FLOPS;
};

export const bench = {
  subject: 'gemm 512^3',
  item: 'FLOP',
  figure: 'rate',
  rounds: 30,
  cases: {
    'peak of 128 bits': () => {
      kernels[fastest].peakRounds(ROUNDS);
      return ROUNDS * FLOPS_A_ROUND;
    },
    ...Object.fromEntries(Object.entries(kernels).map(([variant, of]) => [`wasm ${variant}`, () => compiled(of)])),
    ...(native === null ? {} : { [native.name]: natively }),
  },
};
