/** One message from one rank to another. */
import type { Bytes, Seconds } from '../units/quantity.ts';
import { plus } from '../units/quantity.ts';
import type { LinkRate } from './link-rate.ts';
import { pushTime } from './link-rate.ts';

/** `a + s / b` for `s` bytes over a link of latency `a` and bandwidth `b`. */
export const pointToPointTime = (size: Bytes, link: LinkRate): Seconds => plus(link.latency, pushTime(size, link));
