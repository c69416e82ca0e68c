/** A collective of one's own: a star all-reduce, in which the first member sums what all others send, and sends them the sum. */
import type { Links, LinkRate } from '../src/collectives/link-rate.ts';
import { pushTime } from '../src/collectives/link-rate.ts';
import type { Method } from '../src/collectives/method.ts';
import type { Payload } from '../src/collectives/payload.ts';
import { bytesOf } from '../src/collectives/payload.ts';
import { addInto, tagOf } from '../src/collectives/ring.ts';
import { receive, release, send, tensor } from '../src/effects/ask.ts';
import type { Combination, Program } from '../src/effects/effect.ts';
import type { Group } from '../src/effects/group.ts';
import { member, positionIn } from '../src/effects/group.ts';
import { elementsOf } from '../src/effects/tensor.ts';
import type { Rank } from '../src/units/identity.ts';
import type { Bytes, Seconds } from '../src/units/quantity.ts';
import { larger, plus, times, zeroBytes, zeroSeconds } from '../src/units/quantity.ts';

/**
 * On `n` ranks, `d` a domain, for a whole of `S` elements of `e` bytes, `s = e S`, latency `a` and bandwidth `b` within a
 * domain, `A` and `B` between domains; where the hub has nobody of a kind, that kind takes no time:
 *
 *     time       max(a + s / b, A + s / B)                            all others send at once
 *                + max((d - 1) s / b + a, (n - d) s / B + A)          the hub sends to one after another, in two lanes
 *     sent       s                    the hub (n - 1) s
 *     scratch    s                    what has arrived and is about to be added; 0 for n = 1
 *
 * Two latencies whatever `n` is, where a ring takes 2 (n - 1) of them, but the hub sends the message n - 1 times: it suits
 * a few numbers among many ranks.
 */
export const starAllReduce: Method = { program, time, sentBytes, scratchBytes };

const HUB = 0;

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole } = effect;
  const { axis, size } = group;
  const tag = tagOf(effect);
  // The others have no use for it; but what a collective takes is one figure, the same on every rank.
  const arrival = yield* tensor([size === 1 ? 0 : elementsOf(whole)], whole.dtype, 'communication');
  if (positionIn(group, self) === HUB) {
    for (const other of othersOf(group)) {
      yield* receive(other, { axis, tag, into: arrival });
      yield* addInto(whole, arrival);
    }
    for (const other of othersOf(group)) yield* send(other, { axis, tag, tensor: whole });
  } else {
    yield* send(member(group, HUB), { axis, tag, tensor: whole });
    yield* receive(member(group, HUB), { axis, tag, into: whole });
  }
  yield* release(arrival.block);
}

/** All but the hub, always in this order: so the sum is the same to the last bit whoever is first. */
const othersOf = (group: Group): Rank[] =>
  Array.from({ length: group.size - 1 }, (_, index) => member(group, HUB + 1 + index));

function time({ group: { size, domain }, elements, dtype }: Payload, links: Links): Seconds {
  const push = (link: LinkRate): Seconds => pushTime(bytesOf(elements, dtype), link);
  const lane = (messages: number, link: LinkRate): Seconds =>
    messages === 0 ? zeroSeconds : plus(times(push(link), messages), link.latency);
  const [near, far] = [domain - 1, size - domain];
  const inward = larger(lane(Math.min(1, near), links.scaleUp), lane(Math.min(1, far), links.nic));
  return plus(inward, larger(lane(near, links.scaleUp), lane(far, links.nic)));
}

function sentBytes({ group: { size }, elements, dtype }: Payload, position: number): Bytes {
  const messages = position === HUB ? size - 1 : 1;
  return bytesOf(messages * elements, dtype);
}

function scratchBytes({ group: { size }, elements, dtype }: Payload): Bytes {
  return size === 1 ? zeroBytes : bytesOf(elements, dtype);
}
