/** Links to time collectives on: of three fabrics that differ in kind, and any. */
import fc from 'fast-check';
import type { LinkRate, Links } from '../../src/collectives/link-rate.ts';
import { bytesPerSecond, seconds } from '../../src/units/quantity.ts';

export const NANOSECONDS = 1e9;
export const link = (latency: number, bandwidth: number): LinkRate => ({
  latency: seconds(latency),
  bandwidth: bytesPerSecond(bandwidth),
});
/** NVLink and InfiniBand; a network of long latency; a network faster than the links in the node. */
export const FABRICS: readonly Links[] = [
  { scaleUp: link(1e-6, 200e9), nic: link(5e-6, 40e9) },
  { scaleUp: link(2e-6, 100e9), nic: link(60e-6, 80e9) },
  { scaleUp: link(10e-6, 165e9), nic: link(1e-6, 500e9) },
];
export const anyLink = fc
  .record({ latency: fc.nat(20_000), bandwidth: fc.integer({ min: 1, max: 500 }) })
  .map(({ latency, bandwidth }) => link(latency / NANOSECONDS, bandwidth * 1e9));
export const anyLinks: fc.Arbitrary<Links> = fc.record({ scaleUp: anyLink, nic: anyLink });
