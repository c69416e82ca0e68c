/** How long the steps of a ring take, on links of one kind or of two. */
import { segmentLengthMax } from '../effects/tensor.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { larger, sum, times, zeroSeconds } from '../units/quantity.ts';
import type { GroupShape } from './group-shape.ts';
import type { LinkRate, Links } from './link-rate.ts';
import { pushTime } from './link-rate.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { pointToPointTime } from './point-to-point.ts';

interface Steps {
  /** Segments that each rank sends on, and waits for, one after another. */
  readonly steps: number;
  readonly group: GroupShape;
  readonly segment: Bytes;
}

/** The time of so many laps in which each rank's segment of the payload passes all the others. */
export const lapsTime = (laps: number, { group, elements, dtype }: Payload, links: Links): Seconds =>
  ringTime(
    { steps: laps * (group.size - 1), group, segment: bytesOf(segmentLengthMax(elements, group.size), dtype) },
    links,
  );

/**
 * `N` steps of `z` bytes on edges of latency `a` and bandwidth `b` take
 *
 *     N (a + z / b)
 *
 * Where the ring has edges of two kinds that is not the slowest edge `N` times over: see `mixedTime`.
 */
export const ringTime = (asked: Steps, links: Links): Seconds => {
  const { steps, group, segment } = asked;
  if (steps === 0) return zeroSeconds;
  if (group.domain === group.size) return evenTime(steps, segment, links.scaleUp);
  if (group.domain === 1) return evenTime(steps, segment, links.nic);
  return mixedTime(asked, links);
};

const evenTime = (steps: number, segment: Bytes, link: LinkRate): Seconds =>
  times(pointToPointTime(segment, link), steps);

/**
 * A rank pushes its next segment when the one before has arrived and its lane is free. So the last arrival ends a chain
 * of `N` steps, each of which follows a message over an edge or waits for a lane to push, and the time is the weight of
 * the heaviest chain. It is piecewise linear in the number of crossings `k` from domain to domain: the heaviest chain
 * has none or one of them, as many as fit, or about as few as leave no step to wait.
 *
 * For long segments over a slow network that is `A + N z / B`, one NIC busy from start to end. For short ones it is
 * `K` crossings and `N - K` inner hops, where `K = ceil(N / d)`.
 */
const mixedTime = (asked: Steps, links: Links): Seconds => {
  const { steps, group } = asked;
  const most = Math.ceil(steps / group.domain);
  const unhurried = (steps + 1) / group.domain - 1;
  return [0, 1, Math.floor(unhurried), Math.ceil(unhurried), most]
    .filter((crossings) => crossings >= 0 && crossings <= most)
    .map((crossings) => chainTime(asked, links, crossings))
    .reduce(larger);
};

/**
 * The heaviest chain of `N` steps with `k` crossings, on `d` ranks a domain:
 *
 *     k (A + z / B) + q (a + z / b) + (N - k - q) max(z / b, z / B)
 *
 * `A`, `B` are latency and bandwidth between domains, `a`, `b` within. `q` counts the inner hops: `d - 1` between two
 * crossings, up to `d - 1` before the first and as many after the last. The remaining steps wait for the slowest lane
 * on the way. (Without a crossing there is no `z / B` to wait for; but then a chain with one outweighs it.)
 */
const chainTime = ({ steps, group, segment }: Steps, links: Links, crossings: number): Seconds => {
  const inner = group.domain - 1;
  const fewest = Math.max(0, (crossings - 1) * inner);
  const most = Math.min(steps - crossings, (crossings + 1) * inner);
  const wait = larger(pushTime(segment, links.scaleUp), pushTime(segment, links.nic));
  const weight = (hops: number): Seconds =>
    sum([
      times(pointToPointTime(segment, links.nic), crossings),
      times(pointToPointTime(segment, links.scaleUp), hops),
      times(wait, steps - crossings - hops),
    ]);
  return larger(weight(fewest), weight(most));
};
