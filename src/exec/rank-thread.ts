/** A rank's thread: takes its seat, runs what it is cast for, and tells the main thread how that went. */
import { hrtime } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import type { Program } from '../effects/effect.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import { between, instant } from '../units/quantity.ts';
import { Arena } from './arena.ts';
import { ControlBlock } from './control-block.ts';
import { RankWorld } from './rank-world.ts';
import { Recorder } from './recorder.ts';
import type { Services } from './services.ts';
import { SharedMemoryTransport } from './shared-memory-transport.ts';
import type { Timesheet } from './timesheet.ts';
import { Stopped } from './transport.ts';
import type { RankMessage, RankOutcome, Start } from './wire.ts';
import { packed, unpacked } from './wire.ts';

/** What a rank knows when it is cast. */
export interface Part<Job> {
  readonly rank: Rank;
  readonly rankCount: number;
  readonly job: Job;
  /** Memory that all ranks see, beside their arenas. */
  readonly shared: unknown;
  readonly arena: Arena;
  /** Nanoseconds since the crew was launched, the same on all ranks. */
  readonly now: () => Instant;
  /** True once whoever launched the crew wants it to end soon; what that means is for the program to say. */
  readonly isAskedToEnd: () => boolean;
  /** Shows the main thread plain data. */
  readonly report: (value: unknown) => void;
}
/** What a rank does, and with what. */
export interface Cast {
  readonly program: Program<unknown>;
  readonly backend: Backend;
  readonly services: Services;
  readonly timesheet?: Timesheet | null;
}

/** The whole of a thread: the file that a crew is launched with calls this once, and nothing else. */
export const playRank = async <Job>(cast: (part: Part<Job>) => Cast | Promise<Cast>): Promise<void> => {
  if (parentPort === null) throw new Error('a rank plays in a thread of its own, and this is the main thread');
  const port = parentPort;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `launch` alone starts threads of this file
  const start = workerData as Start;
  const tell = (message: RankMessage): void => port.postMessage(packed(message));
  const control = new ControlBlock(start.control, start.shape);
  const seat = takeSeat(start, control);
  let world: RankWorld | null = null;
  try {
    const report = (value: unknown): void => tell({ kind: 'report', value });
    const { rank, shape, job, shared } = start;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- who launches a file knows what its ranks are to do
    const asked = unpacked(job) as Job;
    const { arena, now } = seat;
    const isAskedToEnd = (): boolean => control.isAskedToEnd;
    const part: Part<Job> = { rank, rankCount: shape.ranks, job: asked, shared, arena, now, isAskedToEnd, report };
    const { program, ...own } = await cast(part);
    world = new RankWorld({ ...seat, ...own });
    const began = now();
    const { outcome, state } = world.run(program);
    const duration = between(began, now());
    tell({
      kind: 'ended',
      outcome: outcomeOf(seat, { result: outcome?.result, seconds: duration }, state.tape.settle()),
    });
  } catch (error) {
    // The others are told first: they may be waiting for this one.
    control.stop();
    tell(lastWords(error, world));
  }
};

type TakenSeat = ReturnType<typeof takeSeat>;
const takeSeat = ({ rank, memories, settings, origin }: Start, control: ControlBlock) => {
  const now = (): Instant => instant(Number(hrtime.bigint() - origin));
  return {
    arena: new Arena(memories[rank]!),
    transport: new SharedMemoryTransport(rank, control, { memories, settings }),
    recorder: settings.isTraced ? new Recorder(rank, now, settings) : null,
    now,
  };
};

const outcomeOf = (
  { arena, transport, recorder }: TakenSeat,
  { result, seconds }: Pick<RankOutcome, 'result' | 'seconds'>,
  { delta, peakMoment }: { delta: RankOutcome['memory']; peakMoment: RankOutcome['moment'] },
): RankOutcome => ({
  rank: transport.rank,
  result,
  memory: delta,
  moment: peakMoment,
  seconds,
  arenaPeak: arena.peak,
  sleepsTooLong: transport.sleeps.tooLong,
  log: recorder?.log ?? null,
});

const lastWords = (error: unknown, world: RankWorld | null): RankMessage => {
  if (error instanceof Stopped) return { kind: 'stopped', awaited: world?.awaited ?? '' };
  if (!(error instanceof Error)) return { kind: 'failed', message: String(error), stack: '', name: 'Error' };
  return { kind: 'failed', message: error.message, stack: error.stack ?? '', name: error.name };
};
