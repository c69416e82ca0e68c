/** The threads of tests: each plays what `exec-programs.ts` has for its job, with the reference kernels. */
import { playRank } from '../../src/exec/rank-thread.ts';
import { referenceBackend } from '../../src/kernels/reference/backend.ts';
import type { Job } from './exec-programs.ts';
import { programOf } from './exec-programs.ts';
import { plainServices } from './exec-services.ts';

await playRank<Job>(({ rank, job, arena, now, report }) => {
  report(`rank ${rank} plays ${job.kind}`);
  return {
    program: programOf(job, { self: rank, arena }),
    backend: referenceBackend(() => arena.memory.buffer),
    services: plainServices(now),
  };
});
