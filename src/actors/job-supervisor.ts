/** Watches over a job: waits until every rank has reported its step, in whatever order the reports come. */
import { mark, receiveAny, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { REPORT_TAG } from './device.ts';

export function* superviseJob(job: Job): Program<void> {
  yield* mark('job', 'place');
  const waiting = new Set<Rank>(Array.from({ length: job.devices }, (_, index) => rank(index)));
  const into = yield* tensor([1], 'int32', 'communication');
  yield* mark('job', 'train');
  while (waiting.size > 0) {
    const reporter = yield* receiveAny([...waiting], { axis: 'control', tag: REPORT_TAG, into });
    waiting.delete(reporter);
  }
  yield* mark('job', 'finish');
}
