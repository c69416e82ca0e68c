/** Launches crews of `transport-thread.mjs` for the benches that time messages. */
import { defaultSettings, launch } from '../dist/exec/launch.js';

const thread = new URL('transport-thread.mjs', import.meta.url);

/** Nanoseconds of the best round of the job, by the clock of the rank for which it took longest. */
export const bestRoundOf = async (job, rankCount, settings = {}) => {
  const crew = launch({
    thread,
    rankCount,
    job,
    settings: { ...defaultSettings(rankCount), ...settings },
    onReport: () => {},
  });
  const times = (await crew.ended).map(({ result }) => result);
  return Math.min(...times[0].map((_, round) => Math.max(...times.map((own) => own[round]))));
};
