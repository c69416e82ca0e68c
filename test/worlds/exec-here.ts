/** Programs written on the spot, run for real in this thread: one a rank, with reference kernels and a clock that ticks. */
import type { Program } from '../../src/effects/effect.ts';
import type { Strand } from '../../src/effects/program.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { sizeOf } from '../../src/effects/tensor.ts';
import { Arena } from '../../src/exec/arena.ts';
import { localTransports } from './local-transport.ts';
import { operandOf } from '../../src/exec/operand.ts';
import type { Errand } from '../../src/exec/rank-world.ts';
import { RankWorld } from '../../src/exec/rank-world.ts';
import { Recorder } from '../../src/exec/recorder.ts';
import type { Services } from '../../src/exec/services.ts';
import { sharedMemory } from '../../src/exec/shared-memory.ts';
import { runTogether } from './together.ts';
import { referenceBackend } from '../../src/kernels/reference/backend.ts';
import type { Instant } from '../../src/units/quantity.ts';
import { instant } from '../../src/units/quantity.ts';
import { plainServices } from './exec-services.ts';

export interface Ran {
  readonly strands: readonly Strand<Errand>[];
  readonly recorders: readonly Recorder[];
}
/** Runs a program a rank in this thread; a program may look into its rank's memory. */
export const run = (
  programs: readonly ((arena: Arena) => Program<unknown>)[],
  services: Partial<Services> = {},
): Ran => {
  const memories = programs.map(() => sharedMemory(2 ** 24));
  // Every look at the clock takes a microsecond.
  const clock = { at: 0 };
  const tick = (): Instant => instant((clock.at += 1000));
  const seats = localTransports(memories).map((transport, index) => {
    const arena = new Arena(memories[index]!);
    const recorder = new Recorder(transport.rank, tick);
    const backend = referenceBackend(() => arena.memory.buffer);
    const world = new RankWorld({
      arena,
      transport,
      backend,
      services: { ...plainServices(tick), ...services },
      recorder,
    });
    return { recorder, world, program: programs[index]!(arena) };
  });
  return { strands: runTogether(seats), recorders: seats.map(({ recorder }) => recorder) };
};
export const resultOf = (program: (arena: Arena) => Program<unknown>, services: Partial<Services> = {}): unknown =>
  run([program], services).strands[0]!.outcome?.result;

/** The elements of an fp32 tensor; writing to them writes to the tensor. */
export const valuesOf = (arena: Arena, of: Tensor): Float32Array => {
  const { buffer, byteOffset, byteLength } = arena.view(operandOf(of).at, sizeOf(of));
  return new Float32Array(buffer, byteOffset, byteLength / 4);
};
