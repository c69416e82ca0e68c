/** The line that a watcher sees while a model trains. */
import type { Observable, Subscription } from 'rxjs';
import { throttleTime } from 'rxjs';
import type { RunProgress } from '../report/run-progress.ts';
import { formatDuration, formatInteger, formatSeconds } from '../units/format.ts';
import { seconds } from '../units/quantity.ts';
import type { Sink } from './io.ts';
import { barOf, ERASE, REFRESH_MS } from './progress-line.ts';

/** Draws the progress on `sink` until the stream completes or is unsubscribed; then the line is gone. */
export const showRun = (progress: Observable<RunProgress>, sink: Sink): Subscription => {
  const subscription = progress
    .pipe(throttleTime(REFRESH_MS, undefined, { leading: true, trailing: true }))
    .subscribe((state) => sink.write(ERASE + runLine(state).slice(0, sink.columns - 1)));
  subscription.add(() => sink.write(ERASE));
  return subscription;
};

/** `[###       ] 120 of 500  loss 2.513, validation 2.6, 98 ms a step, 41,800 tokens/s, 38 s left` */
const runLine = ({ step, steps, loss, validationLoss, tokensPerSecond, stepTime }: RunProgress): string => {
  const numbers = [
    ...(loss === null ? [] : [`loss ${loss.toFixed(3)}`]),
    ...(validationLoss === null ? [] : [`validation ${validationLoss.toFixed(3)}`]),
    `${formatSeconds(stepTime)} a step`,
    `${formatInteger(tokensPerSecond)} tokens/s`,
    `${formatDuration(seconds((steps - step) * stepTime))} left`,
  ];
  return `${barOf(step / steps)} ${formatInteger(step)} of ${formatInteger(steps)}  ${numbers.join(', ')}`;
};
