/** The line that a watcher sees while a search runs: a bar, the speed, the time that is left and the best so far. */
import type { Observable, Subscription } from 'rxjs';
import { throttleTime } from 'rxjs';
import type { Progress } from '../plan/progress.ts';
import { formatDuration, formatInteger, formatSeconds } from '../units/format.ts';
import { seconds } from '../units/quantity.ts';
import type { Sink } from './io.ts';

const BAR_WIDTH = 10;
export const REFRESH_MS = 100;
/** Return to the start of the line and clear it. */
export const ERASE = '\r\u001b[K';

/** Draws the progress on `sink` until the stream completes or is unsubscribed; then the line is gone. */
export const showProgress = (progress: Observable<Progress>, sink: Sink): Subscription => {
  const start = performance.now();
  const subscription = progress
    .pipe(throttleTime(REFRESH_MS, undefined, { leading: true, trailing: true }))
    .subscribe((state) => {
      const line = progressLine(state, (performance.now() - start) / 1e3);
      sink.write(ERASE + line.slice(0, sink.columns - 1));
    });
  subscription.add(() => sink.write(ERASE));
  return subscription;
};

/** How much of the whole is done. */
export const barOf = (share: number): string => {
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}]`;
};

/** `[###       ] 25 %  1,000 of 4,000 layouts, 500/s, 6.00 s left; best 12.30 s tp 8 pp 4` */
export const progressLine = ({ done, total, best }: Progress, elapsed: number): string => {
  const share = total === 0 ? 0 : done / total;
  const speed = elapsed > 0 ? done / elapsed : 0;
  const remaining =
    speed > 0 ? `, ${formatInteger(speed)}/s, ${formatDuration(seconds((total - done) / speed))} left` : '';
  const leader = best === null ? '' : `; best ${formatSeconds(best.step)} ${best.layout}`;
  return `${barOf(share)} ${Math.floor(share * 100)} %  ${formatInteger(done)} of ${formatInteger(total)} layouts${remaining}${leader}`;
};
