/**
 * Whether two worlds sent the same messages: on each channel (from, to, strand) the same (tag, bytes) in the same order.
 * When they were sent, and in which order on different channels, is each world's own.
 */
import type { Rank } from '../units/identity.ts';
import type { Bytes } from '../units/quantity.ts';
import type { Message, Trace } from './trace.ts';

export interface Channel {
  readonly from: Rank;
  readonly to: Rank;
  readonly strand: string;
  readonly messages: readonly Message[];
}

/** The first message that a channel's worlds disagree about. */
export interface ChannelDifference extends Pick<Channel, 'from' | 'to' | 'strand'> {
  /** Which message of the channel it is, from 0. */
  readonly index: number;
  /** Null: there are no more messages. */
  readonly simulated: Sent | null;
  readonly real: Sent | null;
}
export interface Sent {
  readonly tag: number;
  readonly size: Bytes;
}

/** In the order of their first messages. */
export const channelsOf = (trace: Trace): readonly Channel[] => [...byName(trace).values()];

/** Every channel that differs, with the first difference; none: the worlds agree. */
export const differences = (simulated: Trace, real: Trace): readonly ChannelDifference[] => {
  const [one, other] = [byName(simulated), byName(real)];
  return [...new Set([...one.keys(), ...other.keys()])].flatMap((name) => {
    const { from, to, strand } = one.get(name) ?? other.get(name)!;
    const [ours, theirs] = [one, other].map((world) => world.get(name)?.messages ?? []) as [Message[], Message[]];
    const count = Math.max(ours.length, theirs.length);
    for (let index = 0; index < count; index++)
      if (!isSame(ours[index], theirs[index]))
        return [{ from, to, strand, index, simulated: sentOf(ours[index]), real: sentOf(theirs[index]) }];
    return [];
  });
};

const isSame = (one: Message | undefined, other: Message | undefined): boolean =>
  one?.tag === other?.tag && one?.size === other?.size;
const sentOf = (message: Message | undefined): Sent | null =>
  message === undefined ? null : { tag: message.tag, size: message.size };

const byName = (trace: Trace): ReadonlyMap<string, Channel> => {
  const channels = new Map<string, Channel & { readonly messages: Message[] }>();
  for (const entry of trace) {
    if (entry.kind !== 'message') continue;
    const { from, to, strand } = entry;
    const name = `${from} ${to} ${strand}`;
    const channel = channels.get(name);
    if (channel === undefined) channels.set(name, { from, to, strand, messages: [entry] });
    else channel.messages.push(entry);
  }
  return channels;
};
