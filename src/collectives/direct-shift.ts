/** Shift: every rank sends its whole to the next rank, and the last one to the first. Ring attention goes round by it. */
import { receive, send } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import { member, positionIn } from '../effects/group.ts';
import type { Rank } from '../units/identity.ts';
import type { Seconds } from '../units/quantity.ts';
import { larger, zeroBytes, zeroSeconds } from '../units/quantity.ts';
import type { Links } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { pointToPointTime } from './point-to-point.ts';
import { copyInto, tagOf } from './ring.ts';

/**
 * For a whole of `S` elements of `e` bytes, over edges of latency `a` and bandwidth `b`; a rank alone only copies:
 *
 *     time       max(a + e S / b)         over the kinds of edges that the ring of the group has
 *     sent       e S                      0 for a rank alone
 *     scratch    0                        the whole arrives in its place
 */
export const directShift: Method = {
  program,
  time,
  sentBytes: ({ group, elements, dtype }) => (group.size === 1 ? zeroBytes : bytesOf(elements, dtype)),
  scratchBytes: () => zeroBytes,
};

function time({ group, elements, dtype }: Payload, links: Links): Seconds {
  const size = bytesOf(elements, dtype);
  const inner = group.domain > 1 ? pointToPointTime(size, links.scaleUp) : zeroSeconds;
  const outer = group.domain < group.size ? pointToPointTime(size, links.nic) : zeroSeconds;
  return larger(inner, outer);
}

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  const { axis, size } = group;
  if (size === 1) return yield* copyInto(shard, whole);
  const [position, tag] = [positionIn(group, self), tagOf(effect)];
  yield* send(member(group, (position + 1) % size), { axis, tag, tensor: whole });
  yield* receive(member(group, (position + size - 1) % size), { axis, tag, into: shard });
}
