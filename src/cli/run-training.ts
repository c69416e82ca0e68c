/** Trains what was set up, shows how far it is, and tells at the end what came of it. */
import { Subject } from 'rxjs';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { waysBack } from '../exec/checkpoint/ways-back.ts';
import { RankFailure } from '../exec/launch.ts';
import type { JobRun } from '../exec/training/run-job.ts';
import { runJob } from '../exec/training/run-job.ts';
import { jsonText } from '../report/json.ts';
import type { RunProgress } from '../report/run-progress.ts';
import { runJson } from '../report/run-json.ts';
import { runText } from '../report/run-text.ts';
import { paintFor } from './colours.ts';
import { setEarlierAside } from './earlier-training.ts';
import { EXIT, Refusal } from './exit.ts';
import { failureText } from './failure-text.ts';
import type { Io } from './io.ts';
import { Diary } from './run-diary.ts';
import type { RunDisplay } from './run-line.ts';
import { displayRun } from './run-line.ts';
import type { RunOptions } from './run-options.ts';
import type { Setup } from './run-setup.ts';
import type { Start } from './run-start.ts';
import { summaryOf } from './run-summary.ts';

interface Asked {
  readonly start: Start;
  readonly options: RunOptions;
  readonly io: Io;
}

export const trainAndTell = async (setup: Setup, { start, options, io }: Asked): Promise<number> => {
  const kept = setEarlierAside(setup, start, options);
  const progress = new Subject<RunProgress>();
  const display = displayRun(progress, io);
  const diary = new Diary(setup, start, {
    drill: options.drill ?? null,
    say: (text) => display.say(text),
    show: (state) => progress.next(state),
  });
  if (start.first > 1) diary.say(`going on behind step ${start.first - 1}, from ${start.what}`);
  if (start.changes.length > 0) diary.say(`not as it was: ${start.changes.join('; ')}`);
  if (kept !== null) diary.say(kept);
  if (setup.saving === null) diary.say(`${UNSAVED}; a run that is interrupted begins anew`);
  const startedAt = performance.now();
  const running = runJob(orderOf(setup, start, options), diary);
  diary.running = running;
  const release = io.onInterrupt(interrupted(running, { setup, display, io }));
  try {
    const end = await running.ended;
    diary.close();
    const summary = summaryOf(setup, { start, end, diary, milliseconds: performance.now() - startedAt });
    display.end();
    io.stdout.write(options.json === true ? jsonText(runJson(summary)) : runText(summary, paintFor(io)));
    return end.isComplete ? EXIT.ok : EXIT.interrupted;
  } catch (error) {
    // The curve up to here is what tells why.
    diary.giveUp();
    throw explained(error, setup);
  } finally {
    release();
    display.end();
  }
};

const orderOf = (
  { scenario, job, last, corpus, saving }: Setup,
  { origin, first }: Start,
  { kernels }: RunOptions,
): Parameters<typeof runJob>[0] => ({
  job,
  itinerary: {
    first,
    last,
    validatesEvery: job.training.validation?.every ?? null,
    savesEvery: saving === null ? null : (scenario.checkpoint?.every ?? null),
  },
  origin,
  saving,
  kernels,
  isTimed: true,
  corpus,
});

const UNSAVED = 'nothing is saved: the scenario has no checkpoint';

/** The first interruption ends the run behind its step, the second at once. */
const interrupted = (
  running: JobRun,
  { setup, display, io }: { setup: Setup; display: RunDisplay; io: Io },
): (() => void) => {
  let isAsked = false;
  return () => {
    if (isAsked) return io.halt(EXIT.interrupted);
    isAsked = true;
    const saved = setup.saving === null ? `; ${UNSAVED}` : ', with a checkpoint';
    const tested = setup.job.training.validation === null ? '' : ' (and its validation, if it has one)';
    display.say(`stopping behind this step${tested}${saved}; interrupt again to stop at once`);
    running.stop();
  };
};

/** What the user can do something about is said in words; anything else that ranks die of, again and again, is shown as it is. */
const explained = (error: unknown, { job, saving }: Setup): unknown => {
  if (!(error instanceof RankFailure)) return error;
  switch (error.origin) {
    case 'Divergence':
      return new Refusal(EXIT.badInput, [`error: ${error.reason}`, ...waysOn(saving)].join('; '));
    case 'CheckpointFault':
      return new Refusal(EXIT.badInput, `error: ${failureText(error, job)}`);
    default:
      return error;
  }
};

/** Checkpoints from shortly before it diverged may be finite and lead there again. */
const waysOn = (saving: Setup['saving']): readonly string[] => {
  const back = saving === null ? null : waysBack(localDisk, saving.folder);
  return back === null ? [] : [back];
};
