/** The main thread's side of a crew: one thread a rank, ended together, whatever becomes of any of them. */
import { availableParallelism } from 'node:os';
import { hrtime } from 'node:process';
import { Worker } from 'node:worker_threads';
import { THREAD_MEMORY_MAX } from '../scenario/machine.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { ControlBlock, controlBlock } from './control-block.ts';
import { sharedMemory } from './shared-memory.ts';
import type { CrewSettings, RankMessage, RankOutcome, Start } from './wire.ts';
import { packed, unpacked } from './wire.ts';

export interface CrewOrder {
  /** The file of the threads: it calls `playRank`. */
  readonly thread: URL;
  readonly rankCount: number;
  /** What they are to do: plain data, the same for all. */
  readonly job: unknown;
  /** What goes with it without being copied: memory that threads share, in plain data. */
  readonly shared?: unknown;
  readonly settings: CrewSettings;
  /** Ranks that mostly wait for the others: they sleep at once, and leave the cores to them. */
  readonly idlers?: readonly Rank[];
  /** Called with what ranks show while they run. */
  readonly onReport: (rank: Rank, value: unknown) => void;
}

export interface Crew {
  /** In the order of the ranks, once every thread has ended; rejected with a `RankFailure` if one of them failed. */
  readonly ended: Promise<readonly RankOutcome[]>;
  /** Letters on their way: posted and not yet read. */
  readonly unread: number;
  /** Lets ranks know that they should come to an end: see `Part.isAskedToEnd`. */
  askToEnd(): void;
  /** Ends the thread of a rank at once, whatever it does: the others are stopped as if it had failed. */
  kill(rank: Rank): void;
}

/** Spinning is a waste where ranks share cores, and saves the time of a wake-up where they do not. */
const SPINS = 20_000;
export const defaultSettings = (rankCount: number): CrewSettings => ({
  slots: 64,
  memoryLimit: THREAD_MEMORY_MAX,
  isTraced: false,
  isDetailed: false,
  spins: rankCount <= availableParallelism() ? SPINS : 0,
  sleepMax: 60_000,
});

/** A rank that did not reach the end of its program; the first of them, for it takes the others with it. */
export class RankFailure extends Error {
  override readonly name = 'RankFailure';
  readonly rank: Rank;
  /** What it ended of, in its own words, and the name of that error. */
  readonly reason: string;
  readonly origin: string;
  /** What the other ranks waited for when they were stopped. */
  readonly others: readonly string[];

  constructor(
    rank: Rank,
    { message, stack, name }: { message: string; stack: string; name: string },
    others: readonly string[],
  ) {
    super(`rank ${rank}: ${message}`);
    this.rank = rank;
    this.reason = message;
    this.origin = name;
    this.others = others;
    if (stack !== '') this.stack = stack;
  }
}

/** How long threads may take to stop by themselves before they are ended. */
const GRACE_MS = 2000;

export const launch = ({ thread, rankCount, job, shared = null, settings, idlers = [], onReport }: CrewOrder): Crew => {
  const shape = { ranks: rankCount, slots: settings.slots };
  const ranks = Array.from({ length: rankCount }, (_, index) => rank(index));
  const common = {
    shape,
    control: controlBlock(shape),
    memories: ranks.map(() => sharedMemory(settings.memoryLimit)),
    origin: hrtime.bigint(),
    job: packed(job),
    shared,
  };
  const control = new ControlBlock(common.control, shape);
  const threads = ranks.map((each) => {
    const own = idlers.includes(each) ? { ...settings, spins: 0 } : settings;
    const start: Start = { ...common, settings: own, rank: each };
    return new RankThread(thread, start, onReport);
  });
  return {
    ended: endOf(threads, control),
    get unread() {
      return control.unread;
    },
    askToEnd: () => control.askToEnd(),
    kill: (each) => threads[each]!.kill(),
  };
};

/** How a thread ended. */
type End = Exclude<RankMessage, { readonly kind: 'report' }>;

class RankThread {
  readonly rank: Rank;
  readonly ended: Promise<End>;
  readonly #worker: Worker;
  #end: End | null = null;

  constructor(file: URL, start: Start, onReport: CrewOrder['onReport']) {
    this.rank = start.rank;
    const worker = new Worker(file, { workerData: start, name: `rank ${start.rank}` });
    this.#worker = worker;
    worker.on('message', (bytes: Uint8Array) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `playRank` says nothing else
      const message = unpacked(bytes) as RankMessage;
      if (message.kind === 'report') onReport(this.rank, message.value);
      else this.#end = message;
    });
    worker.on('error', (error: Error) => {
      this.#end ??= { kind: 'failed', message: error.message, stack: error.stack ?? '', name: error.name };
    });
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        resolve(
          this.#end ?? { kind: 'failed', message: `its thread was ended with code ${code}`, stack: '', name: 'Exit' },
        );
      });
    });
  }
  kill(): void {
    void this.#worker.terminate();
  }
}

const endOf = async (threads: readonly RankThread[], control: ControlBlock): Promise<readonly RankOutcome[]> => {
  let grace: NodeJS.Timeout | null = null;
  const failures: { rank: Rank; message: string; stack: string; name: string }[] = [];
  const ends = await Promise.all(
    threads.map(async ({ rank, ended }) => {
      const end = await ended;
      if (end.kind === 'ended') return end;
      if (end.kind === 'failed') failures.push({ rank, ...end });
      control.stop();
      grace ??= setTimeout(() => threads.forEach((thread) => thread.kill()), GRACE_MS);
      return end;
    }),
  );
  if (grace !== null) clearTimeout(grace);
  const outcomes = ends.flatMap((end) => (end.kind === 'ended' ? [end.outcome] : []));
  if (outcomes.length === threads.length) return outcomes;
  const [first] = failures;
  if (first === undefined) throw new Error('threads were stopped, and none of them failed');
  const others = ends.flatMap((end) => (end.kind === 'stopped' && end.awaited !== '' ? [end.awaited] : []));
  throw new RankFailure(first.rank, first, others);
};
