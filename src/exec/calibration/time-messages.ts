/** Passes messages between threads of this machine, to see how long they take and how long threads take to start. */
import { hrtime } from 'node:process';
import { defaultSettings, launch } from '../launch.ts';
import type { MessageOrder, MessageTask } from './messages-thread.ts';
import { threadBeside } from './time-training.ts';

export interface MessageTiming extends Omit<MessageTask, 'rounds'> {
  /** Of each round. */
  readonly seconds: readonly number[];
}

const KIB = 256; // elements of fp32
const SIZES = [1, 16, 64, 256, 1024, 4096, 16_384].map((kibibytes) => kibibytes * KIB);
/** As many bytes as that are passed in a task, or so many rounds. */
const ELEMENTS_A_TASK = 4 * 2 ** 20;
const ROUNDS_MAX = 50;

const TASKS: readonly MessageTask[] = (['all-reduce', 'message'] as const).flatMap((kind) =>
  SIZES.map((elements) => ({
    kind,
    elements,
    rounds: Math.min(ROUNDS_MAX, Math.max(4, Math.floor(ELEMENTS_A_TASK / elements))),
  })),
);

export interface MessageTimings {
  readonly messages: readonly MessageTiming[];
  /** From the call to the end of a thread that has nothing to do. */
  readonly threadSeconds: readonly number[];
  /** Until a rank that sleeps at once reads what comes for it. */
  readonly wakeSeconds: readonly number[];
}

/** Ranks that never look twice for a message, and sleep until it is there. */
const NAP: MessageTask = { kind: 'message', elements: 1, rounds: 400 };

/** Far apart in time, so that some of them find the other rank's core free. */
const SWEEPS = 12;
const STARTS = 4;

export const timeMessages = async (thread = threadBeside('messages-thread')): Promise<MessageTimings> => {
  const crewOf = async (rankCount: number, job: MessageOrder, own = {}): Promise<readonly number[][]> => {
    const settings = { ...defaultSettings(rankCount), ...own };
    const crew = launch({ thread, rankCount, job, settings, onReport: () => {} });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the program of that thread returns
    return (await crew.ended)[0]!.result as number[][];
  };
  const times = await crewOf(2, { tasks: TASKS, sweeps: SWEEPS });
  const threadSeconds: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const before = hrtime.bigint();
    await crewOf(1, { tasks: [], sweeps: 0 });
    threadSeconds.push(Number(hrtime.bigint() - before) / 1e9);
  }
  const [naps = []] = await crewOf(2, { tasks: [NAP], sweeps: 1 }, { spins: 0 });
  const messages = TASKS.map(({ kind, elements }, index) => ({ kind, elements, seconds: times[index]! }));
  // There and back: two sleepers are woken.
  return { messages, threadSeconds, wakeSeconds: naps.map((round) => round / 2) };
};
