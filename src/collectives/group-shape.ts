/** How a group lies on the fabric: all that the cost of a collective needs to know of it. */
import type { Group } from '../effects/group.ts';
import { member } from '../effects/group.ts';

export interface GroupShape {
  /** Ranks in the group. */
  readonly size: number;
  /**
   * Consecutive members that share a scale-up domain: `size` when all do, 1 when no two neighbours do. It divides
   * `size`; members 0 to domain - 1 share the first domain, and so on.
   */
  readonly domain: number;
}

/**
 * The shape of `group` where every `scaleUpDomain` ranks in a row share a domain. A group whose runs of members differ
 * in length is taken for the coarsest even one: more of its edges then count as leaving the domain than really do.
 */
export const groupShape = (group: Group, scaleUpDomain: number): GroupShape => {
  const { size, stride } = group;
  const domainOf = (position: number): number => Math.floor(member(group, position) / scaleUpDomain);
  if (domainOf(0) === domainOf(size - 1)) return { size, domain: size };
  if (stride >= scaleUpDomain) return { size, domain: 1 };
  const run = scaleUpDomain / stride;
  if (Number.isInteger(run) && size % run === 0 && group.first % scaleUpDomain < stride) return { size, domain: run };

  let domain = size;
  for (let position = 1; position < size; position++)
    if (domainOf(position) !== domainOf(position - 1)) domain = greatestDivisor(domain, position);
  return { size, domain };
};

/** The greatest common divisor, by Euclid. */
const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
