/** Laws of what is paid for an hour of a device, however it is paid for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cluster, Payment } from '../../src/scenario/cluster.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { parseCluster } from '../../src/scenario/entries.ts';
import { hourlyOf, hourlyPrice } from '../../src/scenario/price.ts';
import { libraryWith } from './scenario-fixtures.ts';

const library = libraryWith();
const parsed = (text: string) => parseCluster({ file: 'c.yaml', text }, library);
const clusterOf = (text: string): Cluster => {
  const { value, complaints } = parsed(text);
  if (value === null) throw new Error(complaints.map(printComplaint).join('\n'));
  return value;
};
const said = (text: string): readonly string[] => parsed(text).complaints.map(printComplaint);

/** A DGX H100, 700 W a card and 575 W of its host at a PUE of 1.2, paid for in this way. */
const paid = (price: string): string => `{base: dgx-h100, price: ${price}}`;
const hourOf = (price: string) => hourlyPrice(clusterOf(paid(price)));

const cents = fc.integer({ min: 0, max: 9_999 }).map((value) => value / 100);
const ends = fc.tuple(cents, cents).map((pair) => ({ low: Math.min(...pair), high: Math.max(...pair) }));
/** Whole shares in per cent that add up to a hundred. */
const shares = fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })).map((cuts) => {
  const [first = 0, second = 0] = cuts.toSorted((a, b) => a - b);
  return [first, second - first, 100 - second] as const;
});
interface Bought {
  readonly capital: number;
  readonly years: number;
  /** A kWh. */
  readonly cents: number;
  /** In per cent, as is `busy`. */
  readonly upkeep: number;
  readonly busy: number;
}
const owned: fc.Arbitrary<Bought> = fc.record({
  capital: fc.integer({ min: 0, max: 100_000 }),
  years: fc.integer({ min: 1, max: 10 }),
  cents: fc.integer({ min: 0, max: 50 }),
  upkeep: fc.integer({ min: 0, max: 100 }),
  busy: fc.integer({ min: 1, max: 100 }),
});
const ownedText = ({ capital, years, cents: tariff, upkeep, busy }: Bought): string =>
  `{capital: $${capital}, years: ${years}, power: $${tariff / 100}/kWh, upkeep: ${upkeep}%, busy: ${busy}%}`;

describe('an hour of a device', () => {
  test('costs what is written, be it a price, a range, or one way to pay alone', () => {
    fc.assert(
      fc.property(ends, fc.constantFrom('onDemand', 'reserved', 'spot'), ({ low, high }, way) => {
        const range = `{low: $${low}/h, high: $${high}/h}`;
        expect(hourOf(`$${low}/h`)).toEqual({ low, high: low });
        expect(hourOf(range)).toEqual({ low, high });
        expect(hourOf(`{${way}: $${high}/h}`)).toEqual({ low: high, high });
        expect(hourOf(`{${way}: {price: ${range}, share: 100%}}`)).toEqual({ low, high });
      }),
      { numRuns: 30 },
    );
  });

  test('of a mix costs the mean of its ways by their shares, whichever of them leaves its share to the others', () => {
    fc.assert(
      fc.property(
        shares,
        fc.tuple(ends, cents, owned),
        fc.integer({ min: 0, max: 3 }),
        (parts, [reserved, spot, bought], silent) => {
          const share = (index: number): string => (silent === index ? '' : `share: ${parts[index]}%, `);
          const mixed = clusterOf(
            paid(
              `{reserved: {${share(0)}price: {low: $${reserved.low}/h, high: $${reserved.high}/h}}, ` +
                `spot: {${share(1)}price: $${spot}/h}, owned: {${share(2)}${ownedText(bought).slice(1)}}`,
            ),
          );
          const alone = hourOf(`{owned: ${ownedText(bought)}}`);
          const mean = (end: 'low' | 'high'): number =>
            (parts[0] * reserved[end] + parts[1] * spot + parts[2] * (alone?.[end] ?? Number.NaN)) / 100;
          expect(hourlyPrice(mixed)?.low).toBeCloseTo(mean('low'), 9);
          expect(hourlyPrice(mixed)?.high).toBeCloseTo(mean('high'), 9);
          expect(mixed.price.reduce((sum, payment) => sum + payment.share, 0)).toBeCloseTo(1, 12);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('of a device that is owned pays back, over its years, its capital, its upkeep and the energy it drew', () => {
    fc.assert(
      fc.property(owned, (bought) => {
        const hour = hourOf(`{owned: ${ownedText(bought)}}`);
        const worked = bought.years * 365 * 24 * (bought.busy / 100);
        const energy = (worked * 1.2 * (700 + 575)) / 1000;
        const paidOut = bought.capital * (1 + (bought.years * bought.upkeep) / 100) + (energy * bought.cents) / 100;
        expect(Math.abs((hour?.low ?? Number.NaN) * worked - paidOut)).toBeLessThanOrEqual(1e-9 * (1 + paidOut));
        expect(hour?.high).toBe(hour?.low);
      }),
      { numRuns: 100 },
    );
  });

  test('of an owned H100 can be checked by hand', () => {
    // 32,000 / (4 x 8,760) = 0.91324 of capital; 1.2 x 1.275 kW x $0.08 = 0.1224 of power.
    expect(hourOf('{owned: {capital: $32000, years: 4, power: $0.08/kWh}}')?.low).toBeCloseTo(1.035_642, 6);
    // (0.25 + 0.05) x 32,000 / (8,760 x 0.9) = 1.21766.
    const text = '{owned: {capital: $32K, years: 4, power: $80/MWh, upkeep: 5%, busy: 90%}}';
    expect(hourOf(text)?.low).toBeCloseTo(1.340_056, 5);
    const range = '{owned: {capital: {low: $30000, high: $40000}, years: 4, power: {low: $0.05/kWh, high: $0.10/kWh}}}';
    expect(hourOf(range)?.low).toBeCloseTo(0.932_664, 6);
    expect(hourOf(range)?.high).toBeCloseTo(1.294_553, 6);
  });

  test('is promised only where a price was given', () => {
    expect(clusterOf('{base: dgx-h100, price: null}').price).toEqual([]);
    expect(hourOf('null')).toBeNull();
  });
});

describe('a way to pay', () => {
  const seen = "date: '2026-10', region: Oregon, from: measured, source: an invoice";

  test('says when, where and by whom its price was seen, or that nobody said', () => {
    const [reserved, spot] = clusterOf(
      paid(`{reserved: {price: $2.10/h, share: 80%, ${seen}}, spot: {price: $1.40/h, share: 20%}}`),
    ).price;
    expect(reserved).toEqual({
      kind: 'reserved',
      share: 0.8,
      hourly: { low: 2.1, high: 2.1 },
      date: '2026-10',
      region: 'Oregon',
      from: 'measured',
      source: 'an invoice',
    });
    expect(spot).toMatchObject({
      date: 'not given',
      region: 'not given',
      from: 'assumed',
      source: 'given in the scenario',
    });
  });

  test('may be known and not used', () => {
    const { price } = clusterOf(
      paid('{onDemand: $4.10/h, reserved: {price: $2.10/h, share: 80%}, spot: {price: $1.40/h, share: 20%}}'),
    );
    expect(price.map(({ kind, share }) => [kind, share])).toEqual([
      ['onDemand', 0],
      ['reserved', 0.8],
      ['spot', 0.2],
    ]);
  });

  test('changed, or put in the place of another, borrows nothing from the cluster that is built upon', () => {
    const given = { date: 'not given', region: 'not given', from: 'assumed', source: 'given in the scenario' };
    expect(clusterOf('dgx-h100').price).toMatchObject([{ from: 'datasheet', hourly: { low: 2, high: 5 } }]);
    expect(clusterOf(paid('{high: $3/h}')).price).toMatchObject([{ hourly: { low: 2, high: 3 }, ...given }]);
    expect(clusterOf(paid('{region: Oregon}')).price).toMatchObject([{ from: 'datasheet', region: 'Oregon' }]);
    const [only, ...others] = clusterOf(paid('{reserved: $2/h}')).price;
    expect(others).toEqual([]);
    expect(only).toMatchObject({ kind: 'reserved', source: 'given in the scenario' });
    const mixed = {
      names: ['mixed'],
      find: () => ({ file: 'mixed.yaml', text: paid('{owned: {capital: $1K, years: 2, power: $1/kWh}}') }),
    };
    const clusters = {
      names: [],
      find: (name: string) => (name === 'mixed' ? mixed.find() : library.clusters.find(name)),
    };
    const read = (text: string): readonly Payment[] =>
      parseCluster({ file: 'c.yaml', text }, { ...library, clusters }).value?.price ?? [];
    expect(read('{base: mixed, price: {low: $1/h, high: $2/h}}').map(({ kind }) => kind)).toEqual(['listed']);
    expect(read('{base: mixed, price: {owned: {years: 5}}}')).toMatchObject([
      { kind: 'owned', capital: { low: 1000 }, years: 5 },
    ]);
  });

  test('is refused where it cannot be, at its place and with what was probably meant', () => {
    const price = (text: string): readonly string[] => said(paid(text));
    expect(price('{reserved: {price: $2/h, share: 80%}, spot: {price: $1/h, share: 30%}}')).toEqual([
      'c.yaml:1:90 price.spot.share: 80% + 30% = 110% of the device-hours are paid for; wanted 100% (did you mean 20%?)',
    ]);
    expect(price('{reserved: {price: $2/h, share: 80%}}')).toEqual([
      'c.yaml:1:57 price.reserved.share: 80% of the device-hours are paid for; wanted 100% (did you mean 100%?)',
    ]);
    expect(price('{reserved: $2/h, spot: $1/h}')).toEqual([
      'c.yaml:1:48 price.spot: states no share; only one way to pay may leave its share to the others',
    ]);
    expect(price('{reservd: {price: $2/h, share: 100%}}')[0]).toMatch(
      /^c\.yaml:1:26 price\.reservd: is not a key here; .* \(did you mean reserved\?\)$/u,
    );
    expect(price('{owned: {capital: $32000, years: 4, power: $0.08}}')[0]).toMatch(
      /price\.owned\.power: \$0\.08 is not a price of energy such as \$0\.08\/kWh \(did you mean \$0\.08\/kWh\?\)$/u,
    );
    expect(
      price('{owned: {capital: 32000, years: 0, power: $0.08/kWh, busy: 0}}').map((text) => text.replace(/^\S+ /u, '')),
    ).toEqual([
      'price.owned.capital: 32000 is not a sum such as $32000 or $32K (did you mean $32000?)',
      'price.owned.years: 0 is not a number of years such as 4',
      'price.owned.busy: a device that never works has no price; wanted more than 0',
    ]);
    expect(price('{spot: {price: {low: $3/h, high: $2/h}}}')).toEqual([
      'c.yaml:1:46 price.spot.price.low: $3.00/h is above the $2.00/h of high',
    ]);
    expect(price('cheap')[0]).toMatch(/price: cheap is not a price such as \$2\.50\/h/u);
    expect(price('2.5')[0]).toMatch(/\(did you mean \$2\.5\/h\?\)$/u);
  });
});

test('what a way to pay costs alone is what the mix counts it with', () => {
  const cluster = clusterOf('example');
  const counted = cluster.price.map((payment) => payment.share * hourlyOf(payment, cluster).high);
  expect(hourlyPrice(cluster)?.high).toBeCloseTo(
    counted.reduce((a, b) => a + b, 0),
    12,
  );
  expect(cluster.price.map(({ kind, share }) => [kind, Number(share.toFixed(9))])).toEqual([
    ['reserved', 0.6],
    ['spot', 0.15],
    ['owned', 0.25],
  ]);
});
