/** In which order a timeline shows the lanes of a rank. */

/** The same order on every rank, whatever each of them did first: work, waits, what is agreed on, what travels, lives. */
export const byWork = (a: string, b: string): number => placeOf(a) - placeOf(b) || (a < b ? -1 : 1);
const LANES = ['compute', 'host', 'idle', 'receive', 'waits'];
const placeOf = (lane: string): number => {
  const place = LANES.indexOf(lane);
  if (place !== -1) return place;
  if (lane.endsWith(' collectives')) return LANES.length;
  if (lane === 'sent') return LANES.length + 1;
  if (lane === 'arrived') return LANES.length + 2;
  return lane.startsWith('life of') ? LANES.length + 4 : LANES.length + 3;
};
