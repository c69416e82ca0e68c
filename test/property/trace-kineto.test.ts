/** Laws of traces as PyTorch's profiler writes them: what Holistic Trace Analysis looks for is there, and adds up. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rankFiles } from '../../src/report/trace/files.ts';
import { stepEnds } from '../../src/report/step-times.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { Trace } from '../../src/effects/trace.ts';
import { instantZero } from '../../src/units/quantity.ts';
import { bytesOf, DETAILED, subjectOf } from '../worlds/detailed-traces.ts';
import { anyJobOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';

interface Event {
  readonly ph: string;
  readonly cat?: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}
interface File {
  readonly schemaVersion: number;
  readonly distributedInfo: { readonly backend: string; readonly rank: number; readonly world_size: number };
  readonly deviceProperties: readonly { readonly id: number }[];
  readonly traceEvents: readonly Event[];
}

const CATEGORIES = ['kernel', 'gpu_memcpy', 'cpu_op', 'cuda_runtime', 'user_annotation'];

const filesOf = (job: Job, trace: Trace): readonly File[] => {
  const steps = stepEnds(trace, { devices: job.devices, steps: 1 }).map((end) => ({
    number: 1,
    start: instantZero,
    end,
  }));
  return rankFiles(trace, subjectOf(job), { format: 'kineto', job, steps }).map(
    ({ pieces }) => JSON.parse(bytesOf(pieces()).toString()) as File,
  );
};

describe.each(Object.entries(DETAILED))('the profile of each rank of the %s world', (world, traceOf) => {
  const jobs = world === 'real' ? anyRealJob(4) : anyJobOf(4);
  test('says whose it is, and links each kernel to one launch and one operator, by whole microseconds', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const files = filesOf(job, traceOf(job));
        expect(files.map(({ distributedInfo }) => distributedInfo)).toEqual(
          Array.from({ length: job.devices }, (_, rank) => ({ backend: 'nccl', rank, world_size: job.devices })),
        );
        for (const { schemaVersion, deviceProperties, traceEvents } of files) {
          expect([schemaVersion, deviceProperties.length]).toEqual([1, 1]);
          const slices = traceEvents.filter(({ ph }) => ph === 'X');
          // Rows without a duration or a category are dropped, and parts of microseconds are cut off.
          const isRow = ({ ts, dur, cat }: Event): boolean =>
            [ts, dur].every(Number.isInteger) && dur >= 0 && CATEGORIES.includes(cat!);
          expect(slices.filter((one) => !isRow(one))).toEqual([]);
          const onCard = slices.filter(({ cat }) => cat === 'kernel' || cat === 'gpu_memcpy');
          expect(onCard.length).toBeGreaterThan(0);
          const launches = new Map(
            slices.filter(({ cat }) => cat === 'cuda_runtime').map((event) => [event.args['correlation'], event]),
          );
          const operators = new Map(
            slices.filter(({ cat }) => cat === 'cpu_op').map((event) => [event.args['External id'], event]),
          );
          expect(launches.size).toBe(onCard.length);
          const isLinked = ({ ts, tid, args }: Event): boolean =>
            args['stream'] === tid &&
            tid > 0 &&
            launches.get(args['correlation'])!.ts <= ts &&
            operators.has(args['External id']);
          expect(onCard.filter((one) => !isLinked(one))).toEqual([]);
          expect(slices.filter(({ name }) => name === 'ProfilerStep#1')).toHaveLength(1);
        }
      }),
      { numRuns: 3 },
    );
  });
  test('holds kernels that follow each other on every stream, and collectives that analysers know by their name', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const trace = traceOf(job);
        const collectives = trace.filter((entry) => entry.kind === 'collective' && entry.group.size > 1);
        const found = filesOf(job, trace).flatMap(({ traceEvents }) => {
          const kernels = traceEvents.filter(({ cat }) => cat === 'kernel');
          const free = new Map<number, number>();
          const early = kernels.filter(({ ts, dur, tid }) => {
            const from = free.get(tid) ?? 0;
            free.set(tid, ts + dur);
            return ts < from;
          });
          expect(early).toEqual([]);
          return kernels.filter(({ name, args }) => name.includes('ncclKernel') && 'Collective name' in args);
        });
        expect(found).toHaveLength(collectives.length);
        for (const { args } of found) {
          const ranks = JSON.parse(String(args['Process Group Ranks'])) as readonly number[];
          expect(ranks).toHaveLength(Number(args['Group size']));
        }
      }),
      { numRuns: 3 },
    );
  });
});
