/** What a watcher sees while a model trains: two lines that are drawn again and again, or now and then a line of a log. */
import type { Observable, Subscription } from 'rxjs';
import { distinctUntilKeyChanged, filter, map, merge, throttleTime } from 'rxjs';
import { logText, progressText, spendingText } from '../report/run-lines.ts';
import type { RunProgress } from '../report/run-progress.ts';
import type { Io, Sink } from './io.ts';
import { isWatched } from './io.ts';
import { barOf, ERASE, REFRESH_MS } from './progress-line.ts';

export interface RunDisplay {
  /** Something that stays. */
  say(text: string): void;
  end(): void;
}

/** Shows the progress until it is ended: drawn where somebody watches, as lines of text where it goes to a file. */
export const displayRun = (progress: Observable<RunProgress>, io: Io): RunDisplay =>
  isWatched(io) ? drawn(progress, io.stderr) : logged(progress, io.stderr);

/** Up to the line above, and clear that too. */
const ERASE_BOTH = `${ERASE}\u001b[A${ERASE}`;

const drawn = (progress: Observable<RunProgress>, sink: Sink): RunDisplay => {
  let isDrawn = false;
  const erase = (): void => {
    if (isDrawn) sink.write(ERASE_BOTH);
    isDrawn = false;
  };
  const subscription = progress
    .pipe(throttleTime(REFRESH_MS, undefined, { leading: true, trailing: true }))
    .subscribe((state) => {
      const bar = barOf(state.step / state.steps);
      const lines = [`${bar} ${progressText(state)}`, `  ${spendingText(state)}`];
      erase();
      sink.write(lines.map((line) => line.slice(0, sink.columns - 1)).join('\n'));
      isDrawn = true;
    });
  return display(subscription, erase, sink);
};

/** Of a run that nobody watches a line is written so often. */
export const LOG_MS = 10_000;

/** The first step, then a line every so often, and one behind each validation and each checkpoint. */
const logged = (progress: Observable<RunProgress>, sink: Sink): RunDisplay => {
  const steps = progress.pipe(
    filter(({ loss }) => loss !== null),
    throttleTime(LOG_MS, undefined, { leading: true, trailing: false }),
    map(logText),
  );
  const validations = progress.pipe(
    filter(({ validation }) => validation !== null),
    distinctUntilKeyChanged('validation'),
    map(logText),
  );
  const checkpoints = progress.pipe(
    filter(({ savedStep }) => savedStep !== null),
    distinctUntilKeyChanged('savedStep'),
    map(({ savedStep }) => `checkpoint of step ${savedStep} saved`),
  );
  const subscription = merge(steps, validations, checkpoints).subscribe((line) => sink.write(`${line}\n`));
  return display(subscription, () => undefined, sink);
};

const display = (subscription: Subscription, erase: () => void, sink: Sink): RunDisplay => ({
  say: (text) => {
    erase();
    sink.write(`${text}\n`);
  },
  end: () => {
    subscription.unsubscribe();
    erase();
  },
});
