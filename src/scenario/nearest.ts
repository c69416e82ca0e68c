/** The value someone probably meant. */
import { distance } from 'fastest-levenshtein';

/** The name that begins with what is written, or is one or two slips of the finger away, or less than a third of it. */
export const nearestName = (written: string, names: Iterable<string>): string | null => {
  const all = [...names];
  const longer = written.length < PREFIX_MIN ? [] : all.filter((name) => name.startsWith(written) && name !== written);
  return longer[0] ?? fewestEdits(written, all);
};
/** Less is the beginning of too much. */
const PREFIX_MIN = 3;

const fewestEdits = (written: string, names: readonly string[]): string | null => {
  let best: { name: string; edits: number } | null = null;
  for (const name of names) {
    const edits = distance(written.toLowerCase(), name.toLowerCase());
    if (best === null || edits < best.edits) best = { name, edits };
  }
  if (best === null || best.edits >= Math.min(written.length, best.name.length)) return null;
  return best.edits <= 2 || 3 * best.edits < Math.max(written.length, best.name.length) ? best.name : null;
};

/** How far a nearer number is looked for: a suggestion from further away would help nobody. */
const REACH = 10_000;

/** The whole number from 1 to `max` nearest to the one written that is allowed; the smaller of two. */
export const nearestNumber = (
  written: number,
  { max, isAllowed }: { readonly max: number; readonly isAllowed: (candidate: number) => boolean },
): number | null => {
  const start = Math.min(written, max);
  for (let away = 0; away <= REACH; away += 1) {
    for (const candidate of [start - away, start + away]) {
      if (candidate >= 1 && candidate <= max && candidate !== written && isAllowed(candidate)) return candidate;
    }
  }
  return null;
};
