/** How many layouts a second each rung looks at, coarse to fine, with everything known of them but their replay, and cold. */
import { jobAt } from '../dist/plan/enumerate.js';
import { bound } from '../dist/sim/bound.js';
import { folded } from '../dist/sim/folded.js';
import { profileCache } from '../dist/sim/cache.js';
import { sketch } from '../dist/sim/sketch.js';
import { DEEPSEEK, GPT3, sampleOf, spaceOf } from './spaces.mjs';

/** Layouts a round with caches warm, and without. */
const [WARM, COLD] = [60, 6];

const jobsOf = (text, schedule) => {
  const { scenario, open } = spaceOf(`${text}layout: {schedule: [${schedule}]}\n`);
  const pipelines = open.filter(({ point }) => point.layout.pp > 1);
  return (count) => sampleOf(pipelines, count).map(({ point }) => jobAt(scenario, point));
};
const gpt3 = { plain: jobsOf(GPT3, '1f1b'), interleaved: jobsOf(GPT3, 'interleaved') };
const deepseek = jobsOf(DEEPSEEK, '1f1b, interleaved');

const each = (jobs, look) => () => {
  for (const job of jobs) look(job);
  return jobs.length;
};
/** Every layout was simulated once before: passes are recorded, lists of slots written. */
const warm = (jobs, look) => {
  const cache = profileCache();
  for (const job of jobs) look(job, cache);
  return each(jobs, (job) => look(job, cache));
};
/** As a first simulation of its kind: nothing is shared from one layout to the next. */
const cold = (jobs) => each(jobs, (job) => folded(job, profileCache()));

export const bench = {
  subject: 'rungs',
  item: 'layout',
  figure: 'rate',
  cases: {
    'folded 1f1b': warm(gpt3.plain(WARM), folded),
    'folded interleaved': warm(gpt3.interleaved(WARM), folded),
    'folded 1f1b, cold': cold(gpt3.plain(COLD)),
    'folded interleaved, cold': cold(gpt3.interleaved(COLD)),
    'folded DeepSeek-V3': warm(deepseek(WARM), folded),
    'folded DeepSeek-V3, cold': cold(deepseek(COLD)),
    'bound 1f1b': warm(gpt3.plain(WARM), bound),
    'bound interleaved': warm(gpt3.interleaved(WARM), bound),
    'sketch 1f1b': warm(gpt3.plain(WARM), sketch),
  },
};
