/** What a link does for a message, as the cost formulas see it. */
import type { Bytes, BytesPerSecond, Seconds } from '../units/quantity.ts';
import { transferTime } from '../units/quantity.ts';

export interface LinkRate {
  /** From the last byte leaving the sender to the message being complete at the receiver. */
  readonly latency: Seconds;
  /** Achieved by large messages, per rank and direction. */
  readonly bandwidth: BytesPerSecond;
}

/** The two classes of links that a group's messages take: within a scale-up domain, and between domains. */
export interface Links {
  readonly scaleUp: LinkRate;
  readonly nic: LinkRate;
}

/** How long a message of `size` bytes keeps the sender's lane busy. */
export const pushTime = (size: Bytes, link: LinkRate): Seconds => transferTime(size, link.bandwidth);
