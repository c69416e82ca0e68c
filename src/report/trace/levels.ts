/** What stays as it is until something else is said of it: memory that is held, and the states of lives. */
import type { Held, Passage, Trace, TraceEntry } from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';

export type Level = Held | Passage;

export const isLevel = (entry: TraceEntry): entry is Level => entry.kind === 'memory' || entry.kind === 'passage';

/** The last word on everything that was said of it until then, as if it had been said then. */
export const levelsAt = (trace: Trace, at: Instant): readonly Level[] => {
  const last = new Map<string, Level>();
  for (const entry of trace) {
    if (!isLevel(entry) || entry.at > at) continue;
    const key = keyOf(entry);
    const before = last.get(key);
    if (before === undefined || before.at <= entry.at) last.set(key, entry);
  }
  return [...last.values()].map((entry) => ({ ...entry, at }));
};

const keyOf = (level: Level): string =>
  level.kind === 'memory'
    ? `${level.rank} ${level.tier} ${level.purpose}`
    : `${level.rank} life of the ${level.subject}`;
