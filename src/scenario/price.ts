/** What an hour of a device costs, however it is paid for. */
import { dollarsPerHour, watts } from '../units/quantity.ts';
import type { DollarsPerHour, Watts } from '../units/quantity.ts';
import type { Cluster, Ownership, Payment, Span } from './cluster.ts';

type Paid = Pick<Cluster, 'price' | 'accelerator' | 'hostPower' | 'pue'>;

/** Per device: each way to pay by its share of the device-hours. Null where no price was given. */
export const hourlyPrice = (cluster: Paid): Span<DollarsPerHour> | null => {
  if (cluster.price.length === 0) return null;
  let [low, high] = [0, 0];
  for (const payment of cluster.price) {
    const hourly = hourlyOf(payment, cluster);
    low += payment.share * hourly.low;
    high += payment.share * hourly.high;
  }
  return { low: dollarsPerHour(low), high: dollarsPerHour(high) };
};

/** An hour that is paid for in this way alone. */
export const hourlyOf = (payment: Payment, cluster: Paid): Span<DollarsPerHour> =>
  payment.kind === 'owned' ? ownedHour(payment, cluster) : payment.hourly;

/** What a device draws from the grid: the card and its part of the host at rated power, and what the building adds. */
export const drawnPower = ({
  accelerator,
  hostPower,
  pue,
}: Pick<Cluster, 'accelerator' | 'hostPower' | 'pue'>): Watts =>
  watts((accelerator.power.value + hostPower.value) * pue.value);

/**
 * An hour = C (1/Y + u) / (H b) + 3600 W e, with capital C, years Y, upkeep u of C a year, H hours a year of which the
 * share b is worked in, W watts drawn from the grid while it works and e dollars a joule: linear depreciation to nothing.
 */
const ownedHour = ({ capital, years, power, upkeep, busy }: Ownership, cluster: Paid): Span<DollarsPerHour> => {
  const drawn = drawnPower(cluster) * SECONDS_AN_HOUR;
  const hour = (end: 'low' | 'high'): DollarsPerHour =>
    dollarsPerHour((capital[end] * (1 / years + upkeep.value)) / (HOURS_A_YEAR * busy.value) + drawn * power[end]);
  return { low: hour('low'), high: hour('high') };
};

const SECONDS_AN_HOUR = 3600;
const HOURS_A_YEAR = 8760;
