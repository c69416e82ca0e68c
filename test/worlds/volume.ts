/** What a trace counts of the bytes that ranks sent. */
import type { Axis } from '../../src/effects/group.ts';
import type { Trace } from '../../src/effects/trace.ts';

/** Bytes that all devices sent along an axis in a step, message by message. */
export const sentAlong = (trace: Trace, axis: Axis): number =>
  trace.reduce((sum, entry) => sum + (entry.kind === 'message' && entry.axis === axis ? entry.size : 0), 0);
