/** Trains what was set up, shows how far it is, and tells at the end what came of it. */
import { Subject } from 'rxjs';
import { RankFailure } from '../exec/launch.ts';
import type { JobEnd, JobRun } from '../exec/training/run-job.ts';
import { runJob } from '../exec/training/run-job.ts';
import type { TrainedRank } from '../exec/training/train.ts';
import { jsonText } from '../report/json.ts';
import type { RunProgress } from '../report/run-progress.ts';
import { runJson } from '../report/run-json.ts';
import type { RankSummary, RunSummary } from '../report/run-text.ts';
import { runText } from '../report/run-text.ts';
import { bytes, seconds } from '../units/quantity.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { isWatched } from './io.ts';
import { Diary } from './run-diary.ts';
import { showRun } from './run-line.ts';
import type { RunOptions } from './run-options.ts';
import type { Setup } from './run-setup.ts';
import type { Start } from './run-start.ts';

interface Asked {
  readonly start: Start;
  readonly options: RunOptions;
  readonly io: Io;
}

export const trainAndTell = async (setup: Setup, { start, options, io }: Asked): Promise<number> => {
  const progress = new Subject<RunProgress>();
  const line = isWatched(io) ? showRun(progress, io.stderr) : null;
  const diary = new Diary(setup, start, {
    drill: options.drill ?? null,
    say: (text) => io.stderr.write(line === null ? `${text}\n` : `\r\u001b[K${text}\n`),
    show: (state) => progress.next(state),
  });
  if (start.first > 1) diary.say(`going on behind step ${start.first - 1}, from ${start.what}`);
  const startedAt = performance.now();
  const running = runJob(orderOf(setup, start, options), diary);
  diary.running = running;
  const release = io.onInterrupt(interrupted(running, { setup, io }));
  try {
    const end = await running.ended;
    diary.close();
    const summary = summaryOf(setup, { start, end, diary, milliseconds: performance.now() - startedAt });
    line?.unsubscribe();
    io.stdout.write(options.json === true ? jsonText(runJson(summary)) : runText(summary, paintFor(io)));
    return end.isComplete ? EXIT.ok : EXIT.interrupted;
  } catch (error) {
    // The curve up to here is what tells why.
    diary.giveUp();
    throw explained(error);
  } finally {
    release();
    line?.unsubscribe();
  }
};

const orderOf = (
  { scenario, job, corpus, saving }: Setup,
  { origin, first }: Start,
  { kernels }: RunOptions,
): Parameters<typeof runJob>[0] => ({
  job,
  itinerary: {
    first,
    last: job.training.steps,
    validatesEvery: job.training.validation?.every ?? null,
    savesEvery: saving === null ? null : (scenario.checkpoint?.every ?? null),
  },
  origin,
  saving,
  kernels,
  isTimed: true,
  corpus,
});

interface Ended {
  readonly start: Start;
  readonly end: JobEnd;
  readonly diary: Diary;
  readonly milliseconds: number;
}
const summaryOf = (
  { scenario, job, folder, saving }: Setup,
  { start, end, diary, milliseconds }: Ended,
): RunSummary => ({
  title: scenario.title,
  job,
  backend: diary.backend,
  isComplete: end.isComplete,
  first: start.first,
  last: end.step,
  elapsed: seconds(milliseconds / 1e3),
  rows: diary.rows,
  recoveries: diary.recoveries,
  ranks: end.trained.ranks.map((each) => rankSummary(each)),
  folder,
  checkpoints: saving?.folder ?? null,
});

const rankSummary = ({ memory, arenaPeak, profile, seconds: total }: TrainedRank): RankSummary => {
  const { matrix, attention, vector, optimizer } = profile?.seconds ?? NOTHING;
  const other = profile === null ? 0 : Math.max(0, total - matrix - attention - vector - optimizer);
  return {
    allocated: bytes(memory.peak),
    held: bytes(arenaPeak),
    phases: {
      matrix: seconds(matrix),
      attention: seconds(attention),
      vector: seconds(vector),
      optimizer: seconds(optimizer),
      other: seconds(other),
    },
  };
};
const NOTHING = { matrix: 0, attention: 0, vector: 0, optimizer: 0 };

/** The first interruption ends the run behind its step, the second at once. */
const interrupted = (running: JobRun, { setup, io }: { setup: Setup; io: Io }): (() => void) => {
  let isAsked = false;
  return () => {
    if (isAsked) return io.halt(EXIT.interrupted);
    isAsked = true;
    const saved = setup.saving === null ? '' : ', with a checkpoint';
    io.stderr.write(`\nstopping behind this step${saved}; interrupt again to stop at once\n`);
    running.stop();
  };
};

/** What the user can do something about is said in words; anything else that ranks die of, again and again, is shown as it is. */
const explained = (error: unknown): unknown => {
  if (!(error instanceof RankFailure)) return error;
  switch (error.origin) {
    case 'Divergence':
      return new Refusal(EXIT.badInput, `error: ${error.reason}`);
    case 'CheckpointFault':
      return new Refusal(EXIT.badInput, `error: ${error.message}`);
    default:
      return error;
  }
};
