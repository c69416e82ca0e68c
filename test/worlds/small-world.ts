/** A small message world for programs written on the spot: links that push whole bytes a nanosecond, and a clock to read. */
import { now, sleep, tensor } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import type { Strand } from '../../src/effects/program.ts';
import type { Trace } from '../../src/effects/trace.ts';
import type { Op } from '../../src/kernels/op.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { CALM } from '../../src/sim/message.ts';
import type { Path } from '../../src/sim/path.ts';
import { MessageWorld } from '../../src/sim/message-world.ts';
import { opTime } from '../../src/sim/op-time.ts';
import { rank } from '../../src/units/identity.ts';
import { seconds } from '../../src/units/quantity.ts';
import { figure, tinyJob } from './jobs.ts';

/** Rates of whole bytes a nanosecond: 4 between neighbours, 1 to other domains, 2 to the host, 8 to storage. */
const job = tinyJob({
  cluster: {
    scaleUpDomain: 2,
    scaleUp: { bandwidth: figure(4e9), efficiency: figure(1), latency: figure(100e-9) },
    nic: { bandwidth: figure(1e9), efficiency: figure(1), latency: figure(700e-9) },
    pcie: { bandwidth: figure(2e9), efficiency: figure(1), latency: figure(50e-9) },
    ssd: { capacity: figure(1e12), bandwidth: figure(8e9) },
  },
});
export const machine = machineOf(job);

/** Runs one program a rank, and returns the world's strands and trace. */
export const runAll = (
  programs: readonly Program<unknown>[],
  seed = 1,
): { readonly strands: readonly Strand<Path>[]; readonly trace: Trace } => {
  const world = new MessageWorld(machine, { seed, conditions: CALM });
  const strands = world.run(programs.map((program, index) => ({ rank: rank(index), program })));
  return { strands, trace: world.trace };
};
export const resultOf = (program: Program<unknown>, seed = 1): unknown =>
  runAll([program], seed).strands[0]!.outcome?.result;

/** Nanoseconds that a program takes by the world's clock. */
export const clocked = (program: Program<unknown>): unknown =>
  resultOf(
    (function* () {
      const start = yield* now();
      yield* program;
      return (yield* now()) - start;
    })(),
  );
/** So many bytes of workspace. */
export const of = (size: number): Program<Tensor> => tensor([size], 'uint8', 'workspace');
export const pause = (nanoseconds: number): Program<void> => sleep(seconds(nanoseconds / 1e9));
export const MULTIPLY: Op = {
  kind: 'matmul',
  m: 512,
  n: 512,
  k: 512,
  batch: 1,
  transpose: 'nn',
  dtype: 'bf16',
  output: 'bf16',
  accumulates: false,
  bias: false,
  isAttention: false,
};
/** Nanoseconds. */
export const MULTIPLY_TIME = Math.round(opTime(MULTIPLY, machine) * 1e9);
