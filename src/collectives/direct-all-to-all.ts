/** Direct all-to-all: every rank sends to every other one, each starting with the rank after its own. */
import { receive, send } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import { member, positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { part, segmentLengthMax } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Seconds } from '../units/quantity.ts';
import { larger, plus, times, zeroBytes, zeroSeconds } from '../units/quantity.ts';
import { shareLength, shareOf } from './exchange.ts';
import type { LinkRate, Links } from './link-rate.ts';
import { pushTime } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { copyInto, tagOf } from './ring.ts';

/**
 * On `n` ranks, `d` a domain, for a whole of `S` elements of `e` bytes, segments of `z = e ceil(S / n)` bytes, latency
 * `a` and bandwidth `b` within a domain, `A` and `B` between domains. All messages are on their way from the start, in
 * two lanes that do not wait for each other:
 *
 *     time       max((d - 1) z / b + a, (n - d) z / B + A)      a lane without messages has no latency either
 *     sent       e (S - own segment)                            e S (n - 1) / n where n divides S
 *     scratch    0                                              segments arrive in their place
 *
 * In parts of their own every part counts as long as the longest that this rank sends.
 */
export const directAllToAll: Method = {
  program,
  time,
  sentBytes: ({ group: { size }, elements, dtype, sent }, position) =>
    bytesOf(
      elements - (sent?.[position] ?? shareLength(elements, { size, self: position, peer: position, count: 1 })),
      dtype,
    ),
  scratchBytes: () => zeroBytes,
};

function time({ group, elements, dtype, sent }: Payload, links: Links): Seconds {
  const longest = sent === undefined ? segmentLengthMax(elements, group.size) : Math.max(...sent);
  const segment = bytesOf(longest, dtype);
  const lane = (messages: number, link: LinkRate): Seconds =>
    messages === 0 ? zeroSeconds : plus(times(pushTime(segment, link), messages), link.latency);
  return larger(lane(group.domain - 1, links.scaleUp), lane(group.size - group.domain, links.nic));
}

function* program(effect: Combination, self: Rank): Program<void> {
  const { group } = effect;
  const { axis, size } = group;
  const [position, tag] = [positionIn(group, self), tagOf(effect)];
  const { sentTo, receivedFrom } = placesOf(effect, position);

  yield* copyInto(receivedFrom(position), sentTo(position));
  for (let step = 1; step < size; step++) {
    const to = (position + step) % size;
    yield* send(member(group, to), { axis, tag, tensor: sentTo(to) });
  }
  for (let step = 1; step < size; step++) {
    const from = (position - step + size) % size;
    yield* receive(member(group, from), { axis, tag, into: receivedFrom(from) });
  }
}

type Place = (peer: number) => Tensor;

/** Where in this rank's memory lies what each member gets of it, and where belongs what it gets of each. */
const placesOf = (
  { group: { size }, whole, shard, parts }: Combination,
  self: number,
): { sentTo: Place; receivedFrom: Place } => {
  if (parts !== undefined)
    return { sentTo: behindOneAnother(whole, parts.sent), receivedFrom: behindOneAnother(shard, parts.received) };
  const shared =
    (tensor: Tensor): Place =>
    (peer) =>
      shareOf(tensor, { size, self, peer, count: 1 });
  return { sentTo: shared(whole), receivedFrom: shared(shard) };
};

const behindOneAnother = (tensor: Tensor, lengths: readonly number[]): Place => {
  const starts = [0];
  for (const [index, length] of lengths.entries()) starts.push(starts[index]! + length);
  return (peer) => part(tensor, starts[peer]!, lengths[peer]!);
};
