/** Which algorithm a collective library would take: the cheapest by its closed form. */
import type { Algorithm } from '../effects/effect.ts';
import type { CollectiveShape } from './collective.ts';
import { collectiveTime } from './collective.ts';
import type { GroupShape } from './group-shape.ts';
import type { Links } from './link-rate.ts';

/** Pieces that a hierarchical collective may cut its message into. More overlap better, and pay more latencies. */
const SEGMENTS = [1, 2, 4, 8] as const;

/** The cheapest algorithm; of equals the plainest: a ring before a hierarchy, few pieces before many. */
export const chooseAlgorithm = (asked: Omit<CollectiveShape, 'algorithm'>, links: Links): Algorithm => {
  let best: Algorithm = { kind: 'ring' };
  let least = collectiveTime({ ...asked, algorithm: best }, links);
  for (const algorithm of hierarchies(asked.group)) {
    const time = collectiveTime({ ...asked, algorithm }, links);
    if (time >= least) continue;
    best = algorithm;
    least = time;
  }
  return best;
};

/** Two levels make sense only where there are two: several domains, of several ranks each. */
const hierarchies = ({ size, domain }: GroupShape): Algorithm[] =>
  domain > 1 && domain < size ? SEGMENTS.map((segments) => ({ kind: 'hierarchical', domain, segments })) : [];
