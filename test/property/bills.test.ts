/** Laws of the bill of a run: what it costs follows from the ways its cluster is paid for, and every report says so. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frontOf } from '../../src/plan/front.ts';
import { candidateOf } from '../../src/plan/outlook.ts';
import type { Candidate } from '../../src/plan/plan.ts';
import { candidateJson } from '../../src/report/candidate-json.ts';
import { figuresOf } from '../../src/report/figures.ts';
import { unpainted } from '../../src/report/paint.ts';
import { paretoFront } from '../../src/report/pareto.ts';
import { verdictStrip } from '../../src/report/verdict-strip.ts';
import type { Cluster } from '../../src/scenario/cluster.ts';
import { parseCluster } from '../../src/scenario/entries.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { candidates } from './report-fixtures.ts';
import { libraryWith } from './scenario-fixtures.ts';

const library = libraryWith();
const priceOf = (text: string): Cluster['price'] => {
  const { value } = parseCluster({ file: 'c.yaml', text: `{base: dgx-a100-80g, price: ${text}}` }, library);
  if (value === null) throw new Error(`${text} is no price`);
  return value.price;
};

/** The same run on the same cards, paid for in this way. */
const paidFor = ({ job, evaluation }: Candidate, text: string): Candidate =>
  candidateOf({ ...job, cluster: { ...job.cluster, price: priceOf(text) } }, evaluation);

const NONE: BandsFile = { schema: 'angel-sim.bands/1', rows: 0, classes: [] };
const strip = (candidate: Candidate): string =>
  verdictStrip(candidate, { margin: 0.05, bands: NONE, paint: unpainted }).join(' ').replaceAll(/\s+/gu, ' ');

const whole = candidates.filter(({ job }) => job.workload.tokens !== null);
const MIX =
  "{onDemand: $4/h, reserved: {price: $2/h, share: 50%, date: '2026-10', region: Oregon}, " +
  'spot: {price: {low: $1/h, high: $1.50/h}, share: 20%}, owned: {capital: $32000, years: 4, power: $0.08/kWh, share: 30%}}';

describe('without a price', () => {
  test('no dollars are promised anywhere, and everything else is as it would be at any price', () => {
    fc.assert(
      fc.property(whole, (drawn) => {
        const [free, dear] = [paidFor(drawn, 'null'), paidFor(drawn, '$9/h')];
        expect(free.outlook).toEqual({
          ...dear.outlook,
          run: dear.outlook.run && { ...dear.outlook.run, dollars: null },
        });
        expect(strip(free)).toContain(`cost no dollars: ${free.job.cluster.name} has no price; `);
        expect(candidateJson(free).run).toMatchObject({ dollars_low: null, dollars_high: null });
        expect(candidateJson(free).payments).toEqual([]);
        expect(figuresOf(free).filter(({ key }) => key.startsWith('price'))).toEqual([]);
        expect(paretoFront([free], unpainted).join('\n')).not.toMatch(/\$|cost/u);
      }),
      { numRuns: 30 },
    );
  });

  test('the front is the one that any price gives', () => {
    fc.assert(
      fc.property(fc.array(whole, { minLength: 1, maxLength: 12 }), (drawn) => {
        const sorted = drawn.toSorted((a, b) => a.evaluation.step - b.evaluation.step);
        const front = (price: string): readonly number[] => {
          const priced = sorted.map((candidate) => paidFor(candidate, price));
          return frontOf(priced).map((candidate) => priced.indexOf(candidate));
        };
        expect(front('null')).toEqual(front('$2/h'));
        expect(front('null')).toEqual(front(MIX));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a mix of ways to pay', () => {
  test('costs its device-hours, each share at its own price, in the outlook as in the JSON', () => {
    fc.assert(
      fc.property(whole, (drawn) => {
        const { payments, run } = candidateJson(paidFor(drawn, MIX));
        const hour = (end: 'dollars_per_hour_low' | 'dollars_per_hour_high'): number =>
          payments.reduce((sum, payment) => sum + payment.share * payment[end], 0);
        expect((run?.dollars_low ?? 0) / ((run?.device_hours ?? 0) * hour('dollars_per_hour_low'))).toBeCloseTo(1, 12);
        expect((run?.dollars_high ?? 0) / ((run?.device_hours ?? 0) * hour('dollars_per_hour_high'))).toBeCloseTo(
          1,
          12,
        );
        expect(payments.map(({ kind, share }) => [kind, share])).toEqual([
          ['onDemand', 0],
          ['reserved', 0.5],
          ['spot', 0.2],
          ['owned', 0.3],
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test('is told by name: each way that is used, its share, its price, and when and where it was seen', () => {
    const [drawn] = fc.sample(whole, { numRuns: 1, seed: 1 });
    if (drawn === undefined) throw new Error('one candidate was asked for');
    const mixed = paidFor(drawn, MIX);
    expect(strip(mixed)).toMatch(
      /at \$1\.5\d\/h to \$1\.6\d\/h a device: 50\.0 % reserved at \$2\.00\/h \(2026-10, Oregon\); 20\.0 % spot at \$1\.00\/h to \$1\.50\/h \(unknown date and region\); 30\.0 % owned at \$\d\.\d\d\/h \(\$32\.0K over 4 years, power at \$0\.080\/kWh; unknown date and region\); /u,
    );
    expect(strip(mixed)).not.toContain('on demand');
    const keys = figuresOf(mixed).flatMap(({ key }) => (key.startsWith('price') ? [key] : []));
    expect(keys).toEqual([
      'price.reserved.share',
      'price.reserved.price',
      'price.spot.share',
      'price.spot.price.low',
      'price.spot.price.high',
      'price.owned.share',
      'price.owned.capital',
      'price.owned.years',
      'price.owned.power',
      'price.owned.upkeep',
      'price.owned.busy',
    ]);
    expect(strip(paidFor(drawn, '$2/h'))).toContain('at prices of unknown date and region; ');
    const seen = "{low: $1/h, high: $2/h, date: '2026', region: Oregon}";
    expect(strip(paidFor(drawn, seen))).toContain('at prices of 2026, Oregon; ');
  });
});
