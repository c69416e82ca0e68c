/** Times the cases of a bench beside each other, so that what slows the machine down slows all of them alike. */
import { performance } from 'node:perf_hooks';

const ROUNDS = 9;
/** A case repeats until it has run this long, so that neither the clock nor the warm-up of the compiler shows. */
const ROUND_MS_MIN = 40;

/** How nanoseconds an item become a figure: what one item costs, or how many are done in a second. */
const FIGURES = {
  cost: { unit: (item) => `ns/${item}`, value: (ns) => ns },
  rate: { unit: (item) => `${item}s/s`, value: (ns) => 1e9 / ns },
};

/**
 * A bench is `{ subject, item, figure, cases }`; a case is a name and a function that does the work and returns how many
 * items it did, or a promise of it; work that is timed where it is done returns `{ items, nanoseconds }`. The first case is the baseline. The best of the rounds counts: noise only ever adds
 * time. `rounds` are fewer where one takes seconds; `end` lets go of what the cases held.
 */
export const measure = async ({ subject, item, figure, cases, rounds = ROUNDS, end = async () => {} }) => {
  const names = Object.keys(cases);
  const best = new Map(names.map((name) => [name, Infinity]));
  for (let round = 0; round < rounds; round++)
    for (const name of names) best.set(name, Math.min(best.get(name), await nanosecondsAnItem(cases[name])));
  await end();
  const { unit, value } = FIGURES[figure];
  const valueOf = (name) => value(best.get(name));
  return names.map((name) => ({
    metric: `${subject}: ${name}`,
    unit: unit(item),
    value: significant(valueOf(name)),
    baseline: names[0],
    ratio: significant(valueOf(name) / valueOf(names[0])),
  }));
};

const nanosecondsAnItem = async (run) => {
  const start = performance.now();
  let items = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MS_MIN) {
    const done = await run();
    if (typeof done === 'object') return done.nanoseconds / done.items;
    items += done;
    elapsed = performance.now() - start;
  }
  return (elapsed * 1e6) / items;
};

const significant = (value) => Number(value.toPrecision(4));
