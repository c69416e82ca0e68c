/** Runs the programs of a job on a crew of ranks: all in this thread, each in its own, or in a simulation. */
import type { Trace } from '../../src/effects/trace.ts';
import { Arena } from '../../src/exec/arena.ts';
import type { Crew } from '../../src/exec/launch.ts';
import { defaultSettings, launch } from '../../src/exec/launch.ts';
import { localTransports } from './local-transport.ts';
import { RankWorld } from '../../src/exec/rank-world.ts';
import { Recorder, traceOf } from '../../src/exec/recorder.ts';
import { sharedMemory } from '../../src/exec/shared-memory.ts';
import { runTogether } from './together.ts';
import type { CrewSettings } from '../../src/exec/wire.ts';
import { referenceBackend } from '../../src/kernels/reference/backend.ts';
import type { MemoryDelta } from '../../src/memory/ledger.ts';
import { rank } from '../../src/units/identity.ts';
import { instant } from '../../src/units/quantity.ts';
import { positions } from './collective-case.ts';
import { plainServices } from './exec-services.ts';
import type { Job } from './exec-programs.ts';
import { programOf } from './exec-programs.ts';
import { runAll } from './small-world.ts';

const MEMORY = 2 ** 26;

/** What came of a job, in the order of the ranks. */
export interface Played {
  readonly results: readonly unknown[];
  readonly memory: readonly MemoryDelta[];
  readonly trace: Trace;
}
/** The same of ranks whose memory can be looked at. */
export interface PlayedHere extends Played {
  readonly arenas: readonly Arena[];
  readonly worlds: readonly RankWorld[];
}

/** All ranks in this thread. */
export const playHere = (job: Job, rankCount: number, { memoryLimit = MEMORY } = {}): PlayedHere => {
  const memories = positions(rankCount).map(() => sharedMemory(memoryLimit));
  const ticks = { count: 0 };
  const now = () => instant(ticks.count++);
  const seats = localTransports(memories).map((transport, index) => {
    const arena = new Arena(memories[index]!);
    const recorder = new Recorder(transport.rank, now);
    const backend = referenceBackend(() => arena.memory.buffer);
    const world = new RankWorld({ arena, transport, backend, services: plainServices(now), recorder });
    return { arena, recorder, world, program: programOf(job, { self: transport.rank, arena }) };
  });
  const strands = runTogether(seats);
  return {
    results: strands.map(({ outcome }) => outcome?.result),
    memory: strands.map(({ state }) => state.tape.settle().delta),
    trace: traceOf(seats.map(({ recorder }) => recorder.log)),
    arenas: seats.map(({ arena }) => arena),
    worlds: seats.map(({ world }) => world),
  };
};

interface CrewOptions extends Partial<CrewSettings> {
  readonly thread: URL;
  readonly reports?: { push(value: unknown): unknown };
}
/** A crew of threads of that file; what they report goes to `reports`. */
export const crewOf = (job: Job, rankCount: number, { thread, reports = [], ...settings }: CrewOptions): Crew =>
  launch({
    thread,
    rankCount,
    job,
    settings: { ...defaultSettings(rankCount), memoryLimit: MEMORY, isTraced: true, sleepMax: 20_000, ...settings },
    onReport: (_, value) => reports.push(value),
  });

/** Each rank in a thread; a sleep that lasts suspiciously long is an error. */
export const playOnThreads = async (job: Job, rankCount: number, options: CrewOptions): Promise<Played> => {
  const outcomes = await crewOf(job, rankCount, options).ended;
  const slow = outcomes.filter(({ sleepsTooLong }) => sleepsTooLong > 0);
  if (slow.length > 0) throw new Error(`ranks ${slow.map((each) => each.rank).join(', ')} slept past their limit`);
  return {
    results: outcomes.map(({ result }) => result),
    memory: outcomes.map(({ memory }) => memory),
    trace: traceOf(outcomes.map(({ log }) => log!)),
  };
};

/** In virtual time: nothing is computed. */
export const playSimulated = (job: Job, rankCount: number): Omit<Played, 'results'> => {
  const programs = positions(rankCount).map((index) => programOf(job, { self: rank(index), arena: null }));
  const { strands, trace } = runAll(programs);
  return { memory: strands.map(({ state }) => state.tape.settle().delta), trace };
};

/** What went over each channel (from, to, strand), in its order. */
export const channelsOf = (trace: Trace): Record<string, readonly (readonly [tag: number, size: number])[]> => {
  const channels: Record<string, (readonly [number, number])[]> = {};
  for (const entry of trace)
    if (entry.kind === 'message')
      (channels[`${entry.from} -> ${entry.to} in ${entry.strand}`] ??= []).push([entry.tag, entry.size]);
  return channels;
};
