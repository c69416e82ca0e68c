/** Watches over a job: hears of every rank's step, in whatever order the reports come, and says whether there is another. */
import { compute, mark, observe, receiveAny, release, send, store, tensor } from '../effects/ask.ts';
import type { Observe, Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { part } from '../effects/tensor.ts';
import { copyOf } from '../model/laying-out.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { zeroBytes } from '../units/quantity.ts';
import { GO_ON } from './device.ts';
import type { Itinerary } from './itinerary.ts';
import { savesAfter, validatesAfter } from './itinerary.ts';
import { PROGRESS } from './progress.ts';
import { REPORT_TAG, WORD_TAG } from './tags.ts';

export function* superviseJob(job: Job, itinerary: Itinerary): Program<void> {
  yield* mark('job', 'place');
  const ranks = Array.from({ length: job.devices }, (_, index) => rank(index));
  const table = yield* tensor([ranks.length, PROGRESS.length], 'fp32', 'communication');
  yield* mark('job', 'train');
  const hear = function* (subject: Observe['subject'], step: number): Program<'go on' | 'stop'> {
    yield* collect(ranks, table);
    return yield* observe({ subject, step, tensor: table });
  };
  for (let step = itinerary.first; step <= itinerary.last; step++) {
    let word = yield* hear('step', step);
    if (validatesAfter(itinerary, step)) word = merged(word, yield* hear('validation', step));
    if (step < itinerary.last) yield* tell(ranks, word);
    const isLast = step === itinerary.last || word === 'stop';
    if (savesAfter(itinerary, step, isLast)) yield* commit(ranks, table, step);
    if (isLast) break;
  }
  yield* mark('job', 'finish');
}

const merged = (a: 'go on' | 'stop', b: 'go on' | 'stop'): 'go on' | 'stop' => (a === 'stop' ? a : b);

/** Every rank's report, each in a row of its own. */
function* collect(ranks: readonly Rank[], table: Tensor): Program<void> {
  const width = PROGRESS.length;
  const waiting = new Set(ranks);
  const into = yield* tensor([width], 'fp32', 'communication');
  while (waiting.size > 0) {
    const reporter = yield* receiveAny([...waiting], { axis: 'control', tag: REPORT_TAG, into });
    yield* compute(copyOf(width, 'fp32'), [into], [part(table, reporter * width, width)]);
    waiting.delete(reporter);
  }
  yield* release(into.block);
}

/** The supervisor's word to all ranks. */
function* tell(ranks: readonly Rank[], word: 'go on' | 'stop'): Program<void> {
  const said = yield* tensor([1], 'int32', 'communication');
  const value = word === 'go on' ? GO_ON : 0;
  yield* compute({ kind: 'fill', value, elements: 1, dtype: 'int32' }, [], [said]);
  for (const to of ranks) yield* send(to, { axis: 'control', tag: WORD_TAG, tensor: said });
  yield* release(said.block);
}

/** A checkpoint counts once every rank has saved its part. */
function* commit(ranks: readonly Rank[], table: Tensor, step: number): Program<void> {
  yield* mark('job', 'checkpoint');
  yield* collect(ranks, table);
  yield* store(zeroBytes, { kind: 'commit', step });
  yield* mark('job', 'resume');
}
