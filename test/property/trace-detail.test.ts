/** Laws of what a world writes down where details are asked for: it changes nothing, and agrees with the books. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Combining, Trace } from '../../src/effects/trace.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { MemoryDelta } from '../../src/memory/ledger.ts';
import type { Job, Offload } from '../../src/scenario/job.ts';
import { NO_OFFLOAD } from '../../src/scenario/job.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { TraceTooLong } from '../../src/sim/setting.ts';
import { anyJobOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';
import { train } from '../worlds/training.ts';

interface Run {
  readonly trace: Trace;
  /** By the books, of each device. */
  readonly memory: readonly MemoryDelta[];
}
const WORLDS: Readonly<Record<'simulated' | 'real', (job: Job) => Run>> = {
  simulated: (job) => {
    const { trace, reports } = message(job, CALM, { isDetailed: true });
    return { trace, memory: reports.map(({ memory }) => memory) };
  },
  real: (job) => {
    const { trace, memory } = train(job, { steps: 1, isDetailed: true });
    return { trace, memory: memory.slice(0, job.devices) };
  },
};

const OFFLOAD: Offload = { optimizer: 'dram', activations: 0.5 };
const inOrder = (numbers: readonly number[]): readonly number[] => numbers.toSorted((a, b) => a - b);
const keyOf = (combining: Combining): string =>
  `${combining.operation} ${combining.group.axis} ${combining.group.first} ${combining.group.stride}`;

describe.each(Object.entries(WORLDS))('the details of the %s world', (world, run) => {
  const jobs = world === 'real' ? anyRealJob(4) : anyJobOf(4);
  test('end with what the books end with, and are never above their peak', () => {
    // Blocks that wait on the host are moved there and back; they are simulated alone.
    const anyOffload = world === 'real' ? fc.constant(NO_OFFLOAD) : fc.constantFrom(NO_OFFLOAD, OFFLOAD);
    fc.assert(
      fc.property(jobs, anyOffload, (job, offload) => {
        const { trace, memory } = run({ ...job, offload });
        for (const [rank, { net, peak, host }] of memory.entries()) {
          const held = new Map<string, number>();
          let highest = 0;
          for (const entry of trace) {
            if (entry.kind !== 'memory' || entry.rank !== rank) continue;
            held.set(`${entry.tier} ${entry.purpose}`, entry.size);
            const card = PURPOSES.reduce((sum, purpose) => sum + (held.get(`hbm ${purpose}`) ?? 0), 0);
            highest = Math.max(highest, card);
          }
          for (const [index, purpose] of PURPOSES.entries())
            expect(held.get(`hbm ${purpose}`) ?? 0).toBeCloseTo(net[index]!, 3);
          const onHost = PURPOSES.reduce((sum, purpose) => sum + (held.get(`dram ${purpose}`) ?? 0), 0);
          expect(onHost).toBeCloseTo(host.net, 3);
          expect(highest).toBeGreaterThan(0);
          expect(highest).toBeLessThanOrEqual(peak + 1);
        }
      }),
      { numRuns: 6 },
    );
  });
  test('tell of each collective on every member of its group, all of the same whole', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { trace } = run(job);
        const byKey = new Map<string, Combining[]>();
        for (const entry of trace)
          if (entry.kind === 'collective') byKey.set(keyOf(entry), [...(byKey.get(keyOf(entry)) ?? []), entry]);
        for (const all of byKey.values()) {
          const byRank = new Map<number, number[]>();
          for (const { rank, elements, operation } of all)
            byRank.set(rank, [...(byRank.get(rank) ?? []), operation === 'all-to-all' ? 0 : elements]);
          expect(byRank.size).toBe(all[0]!.group.size);
          const [first] = [...byRank.values()];
          for (const elements of byRank.values()) expect(inOrder(elements)).toEqual(inOrder(first!));
        }
      }),
      { numRuns: 3 },
    );
  });
  test('name the pass of everything that is computed for a microbatch', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { trace } = run(job);
        const passes = new Set<string>();
        for (const entry of trace)
          if (entry.kind === 'span' && entry.lane === 'compute') {
            if (entry.op?.kind !== entry.name) expect(entry).toBe('an operation with its name');
            const moment = entry.scene?.moment ?? null;
            if (moment !== null) passes.add(`${moment.pass} ${moment.microbatch}`);
          }
        const microbatches = job.workload.globalBatch / job.layout.dp / job.layout.microbatch;
        expect([...passes].filter((pass) => pass.startsWith('forward'))).toHaveLength(microbatches);
        expect([...passes].filter((pass) => pass.startsWith('backward'))).toHaveLength(microbatches);
      }),
      { numRuns: 3 },
    );
  });
});

test('a world that notes details comes to the same figures, and to the same spans and messages, as one that does not', () => {
  fc.assert(
    fc.property(anyJobOf(4), (job) => {
      const [plain, detailed] = [message(job), message(job, CALM, { isDetailed: true })];
      expect(detailed.evaluation).toEqual(plain.evaluation);
      const told = (trace: Trace): readonly string[] =>
        trace.flatMap((entry) => {
          if (entry.kind === 'span') return [`${entry.rank} ${entry.lane} ${entry.name} ${entry.start} ${entry.end}`];
          if (entry.kind !== 'message') return [];
          return [`${entry.from} ${entry.to} ${entry.tag} ${entry.strand} ${entry.sent} ${entry.arrived}`];
        });
      expect(told(detailed.trace)).toEqual(told(plain.trace));
      expect(plain.trace.some(({ kind }) => kind === 'memory' || kind === 'collective')).toBe(false);
    }),
    { numRuns: 3 },
  );
});

test('a trace that grows past its limit is given up, and one that does not is whole', () => {
  fc.assert(
    fc.property(anyJobOf(2), (job) => {
      const { trace } = message(job, CALM, { isDetailed: true });
      const within = message(job, CALM, { isDetailed: true, entriesMax: trace.length });
      expect(within.trace).toHaveLength(trace.length);
      expect(() => message(job, CALM, { isDetailed: true, entriesMax: Math.floor(trace.length / 2) })).toThrow(
        TraceTooLong,
      );
    }),
    { numRuns: 3 },
  );
});
