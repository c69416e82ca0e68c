/** How device-hours are paid for, in words and as JSON. */
import { z } from 'zod';
import type { Cluster, Payment, Quoted, Span } from '../scenario/cluster.ts';
import { NOT_GIVEN, PROVENANCES, RENTALS } from '../scenario/cluster.ts';
import { hourlyOf, hourlyPrice } from '../scenario/price.ts';
import { formatDollars, formatDollarsPerHour, formatDollarsPerJoule, formatPercent } from '../units/format.ts';

export const paymentsSchema = z
  .array(
    z.strictObject({
      kind: z.enum([...RENTALS, 'owned']),
      share: z.number().meta({ description: 'of the device-hours; the shares add up to 1' }),
      dollars_per_hour_low: z.number().min(0),
      dollars_per_hour_high: z.number().min(0),
      date: z.string(),
      region: z.string(),
      from: z.enum(PROVENANCES),
      source: z.string(),
    }),
  )
  .meta({ description: 'the ways in which device-hours are paid for; empty when the cluster has no price' });

export const paymentsJson = (cluster: Cluster): z.infer<typeof paymentsSchema> =>
  cluster.price.map((payment) => {
    const { low, high } = hourlyOf(payment, cluster);
    const { kind, share, date, region, from, source } = payment;
    return { kind, share, dollars_per_hour_low: low, dollars_per_hour_high: high, date, region, from, source };
  });

/** To stand after what the run costs: at which price, how that came about, and when and where it was seen. */
export const priceText = (cluster: Cluster): string => {
  const [only, ...others] = cluster.price;
  if (only?.kind === 'listed' && others.length === 0) return `at prices of ${quoteText(only)}`;
  const ways = cluster.price.filter(({ share }) => share > 0).map((payment) => paymentText(payment, cluster));
  const price = hourlyPrice(cluster);
  return price === null ? '' : `at ${spanText(price, formatDollarsPerHour)} a device: ${ways.join('; ')}`;
};

const WAYS: Readonly<Record<Payment['kind'], string>> = {
  listed: 'listed',
  onDemand: 'on demand',
  reserved: 'reserved',
  spot: 'spot',
  owned: 'owned',
};

const paymentText = (payment: Payment, cluster: Cluster): string =>
  `${formatPercent(payment.share)} ${WAYS[payment.kind]} at ${spanText(hourlyOf(payment, cluster), formatDollarsPerHour)} ` +
  `(${payment.kind === 'owned' ? `${ownershipText(payment)}; ` : ''}${quoteText(payment)})`;

const ownershipText = ({ capital, years, power }: Extract<Payment, { kind: 'owned' }>): string =>
  `${spanText(capital, formatDollars)} over ${years} years, power at ${spanText(power, formatDollarsPerJoule)}`;

const quoteText = ({ date, region }: Quoted): string =>
  date === NOT_GIVEN && region === NOT_GIVEN ? 'unknown date and region' : `${date}, ${region}`;

const spanText = <Value extends number>({ low, high }: Span<Value>, format: (value: Value) => string): string =>
  format(low) === format(high) ? format(low) : `${format(low)} to ${format(high)}`;
