/** How device-hours are paid for, as it is written in YAML: a price, a range of prices, or a mix of ways to pay. */
import { z } from 'zod';
import { formatDollars, formatDollarsPerHour, formatDollarsPerJoule } from '../units/format.ts';
import { ratio } from '../units/quantity.ts';
import type { Ratio } from '../units/quantity.ts';
import type { Ownership, Payment, Quoted, Rental, Span } from './cluster.ts';
import { NOT_GIVEN, PROVENANCES } from './cluster.ts';
import { closed, energyPrice, figure, GIVEN, hourlyPrice, money, oneOf, share, words } from './shape.ts';

const quoteShape = {
  date: words.optional().describe('When the price was seen.'),
  region: words.optional().describe('Where the price was seen.'),
  from: oneOf(PROVENANCES).optional(),
  source: words.optional(),
};

/** What is not said of a price is not known. */
const quoted = ({ date, region, from, source }: Written<Quoted>): Quoted => ({
  date: date ?? NOT_GIVEN,
  region: region ?? NOT_GIVEN,
  from: from ?? GIVEN.from,
  source: source ?? GIVEN.source,
});
type Written<Parts> = { readonly [Key in keyof Parts]?: Parts[Key] | undefined };

const ends = <Value extends number, Input>(value: z.ZodType<Value, Input>) => ({ low: value, high: value });

const refuseUpsideDown =
  <Value extends number>(format: (value: Value) => string) =>
  ({ low, high }: Span<Value>, context: z.RefinementCtx): void => {
    if (low <= high) return;
    const message = `${format(low)} is above the ${format(high)} of high`;
    context.addIssue({ code: 'custom', message, path: ['low'] });
  };

/** One value, or a range of them. */
const span = <Value extends number, Input>(
  value: z.ZodType<Value, Input>,
  { format, wanted }: { readonly format: (value: Value) => string; readonly wanted: string },
) =>
  z.union(
    [
      value.transform((bare): Span<Value> => ({ low: bare, high: bare })),
      closed(ends(value), wanted).superRefine(refuseUpsideDown(format)),
    ],
    { error: `${wanted}, or a range of low and high` },
  );

/** A way to pay as it is written: its share may be left to the others. */
type Unshared<Way extends Payment> = Omit<Way, 'share'> & { readonly share: Ratio | null };

const shareOfHours = share.optional().describe('Of the device-hours. Absent in one way to pay: what the others leave.');
const hourly = span(hourlyPrice, { format: formatDollarsPerHour, wanted: 'a price such as $2.50/h' });

const rental = (kind: Rental['kind']) =>
  z
    .union(
      [
        hourlyPrice.transform((bare): Unshared<Rental> => ({
          kind,
          share: null,
          hourly: { low: bare, high: bare },
          ...quoted({}),
        })),
        closed({ price: hourly, share: shareOfHours, ...quoteShape }, 'a mapping of price and share').transform(
          ({ price, share: part, ...quote }): Unshared<Rental> => ({
            kind,
            share: part ?? null,
            hourly: price,
            ...quoted(quote),
          }),
        ),
      ],
      { error: 'a price such as $2.50/h, or a mapping of price and share' },
    )
    .optional();

const years = z
  .number({ error: 'a number of years such as 4' })
  .min(0.01, { error: 'a number of years such as 4' })
  .max(100, { error: 'a number of years such as 4' });
const owned = closed(
  {
    capital: span(money, { format: formatDollars, wanted: 'a sum such as $32000' }).describe(
      'Of a device, with its part of the host, the network and the building.',
    ),
    years: years.describe('Until it is worth nothing.'),
    power: span(energyPrice, { format: formatDollarsPerJoule, wanted: 'a price of energy such as $0.08/kWh' }).describe(
      'What energy costs; how much is drawn follows from the power of the card and its host, and from pue.',
    ),
    upkeep: figure(share)
      .optional()
      .describe('Staff, repairs and space of a year, as a share of the capital. Absent: none.'),
    busy: figure(
      share.refine((part) => part > 0, { error: 'a device that never works has no price; wanted more than 0' }),
    )
      .optional()
      .describe('Share of all hours in which the device works. Absent: all.'),
    share: shareOfHours,
    ...quoteShape,
  },
  'a mapping of capital, years and power',
).transform(({ upkeep, busy, share: part, capital, years: life, power, ...quote }): Unshared<Ownership> => ({
  kind: 'owned',
  share: part ?? null,
  capital,
  years: life,
  power,
  upkeep: upkeep ?? { value: ratio(0), from: 'assumed', source: 'none was named' },
  busy: busy ?? { value: ratio(1), from: 'assumed', source: 'no idle hours were named' },
  ...quoted(quote),
}));

const mix = closed(
  {
    onDemand: rental('onDemand'),
    reserved: rental('reserved'),
    spot: rental('spot'),
    owned: owned.optional(),
  },
  'a mix of ways to pay',
).transform(({ onDemand, reserved, spot, owned: bought }, context): readonly Payment[] => {
  const ways = [onDemand, reserved, spot, bought].filter((way) => way !== undefined);
  const rest = restOf(ways, context);
  return ways.map((way) => ({ ...way, share: way.share ?? rest }));
});

/** What the written shares leave for the one way to pay that states none; it complains where they do not add up. */
const restOf = (ways: readonly (Unshared<Rental> | Unshared<Ownership>)[], context: z.RefinementCtx): Ratio => {
  const complain = (message: string, path: string[], suggestion?: string): Ratio => {
    context.addIssue({ code: 'custom', message, path, params: { suggestion } });
    return ratio(0);
  };
  const silent = ways.filter(({ share: part }) => part === null);
  const spoken = ways.filter(({ share: part }) => part !== null);
  const last = spoken.at(-1);
  const [, second] = silent;
  if (ways.length === 0) return complain('names no way to pay; wanted onDemand, reserved, spot or owned', []);
  if (second !== undefined)
    return complain('states no share; only one way to pay may leave its share to the others', [second.kind]);
  const total = spoken.reduce((shares, { share: part }) => shares + (part ?? 0), 0);
  if (last === undefined || Math.abs(total - 1) < ROUNDING || (silent.length === 1 && total < 1))
    return ratio(Math.max(0, 1 - total));
  const written = spoken.map(({ share: part }) => percent(part ?? 0)).join(' + ');
  const missing = 1 - total + (last.share ?? 0);
  return complain(
    `${spoken.length > 1 ? `${written} = ` : ''}${percent(total)} of the device-hours are paid for; wanted 100%`,
    [last.kind, 'share'],
    missing > 0 ? percent(missing) : undefined,
  );
};
/** Shares are written with a few decimals. */
const ROUNDING = 1e-9;
const percent = (part: number): string => `${Number((100 * part).toFixed(6))}%`;

const range = closed({ ...ends(hourlyPrice), ...quoteShape }, 'a range of low and high')
  .superRefine(refuseUpsideDown(formatDollarsPerHour))
  .transform(({ low, high, ...quote }): readonly Payment[] => [listed({ low, high }, quoted(quote))]);

const listed = (between: Rental['hourly'], quote: Quoted): Rental => ({
  kind: 'listed',
  share: ratio(1),
  hourly: between,
  ...quote,
});

export const price = z.union(
  [hourlyPrice.transform((bare): readonly Payment[] => [listed({ low: bare, high: bare }, quoted({}))]), range, mix],
  { error: 'a price such as $2.50/h, a range of low and high, or a mix of onDemand, reserved, spot and owned' },
);
