/** Where the numbers come from: every figure of the cluster and the software that a prediction used, with its origin. */
import type { Figure, MatrixDtype, Payment, Provenance, Span } from '../scenario/cluster.ts';
import { MATRIX_DTYPES, PROVENANCES } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import {
  formatBandwidth,
  formatBytes,
  formatDollars,
  formatDollarsPerHour,
  formatDollarsPerJoule,
  formatFlopsPerSecond,
  formatInteger,
  formatPercent,
  formatSeconds,
  formatWatts,
} from '../units/format.ts';
import type { Candidate } from '../plan/plan.ts';
import { ASSUMPTIONS } from '../sim/assumptions.ts';
import type { Paint } from './paint.ts';
import { left, right, table, wrap, PAGE_WIDTH } from './table.ts';

/** A figure under the name it has in a cluster file or a scenario. */
export interface UsedFigure {
  readonly key: string;
  /** In the units of the house: seconds, bytes, FLOPs, watts, dollars; `unit` says which. */
  readonly value: number;
  readonly unit: string;
  /** The value as people read it. */
  readonly text: string;
  readonly from: Provenance;
  readonly source: string;
}

interface Kind<Q extends number> {
  readonly unit: string;
  readonly format: (value: Q) => string;
}
const FLOPS = { unit: 'FLOP/s', format: formatFlopsPerSecond };
const RATIO = { unit: '1', format: formatPercent };
const CONSTANT = { unit: '1', format: (value: number) => String(value) };
const FACTOR = { unit: '1', format: (value: number) => value.toFixed(2) };
const COUNT = { unit: '1', format: formatInteger };
const BYTES = { unit: 'B', format: formatBytes };
const RATE = { unit: 'B/s', format: formatBandwidth };
const TIME = { unit: 's', format: formatSeconds };
const HOURLY = { unit: '$/h', format: formatDollarsPerHour };
const SUM = { unit: '$', format: formatDollars };
const TARIFF = { unit: '$/J', format: formatDollarsPerJoule };
const YEARS = { unit: 'a', format: (value: number) => String(value) };
const POWER = { unit: 'W', format: formatWatts };

export const figuresOf = ({ job, outlook }: Candidate): readonly UsedFigure[] => [
  ...acceleratorFigures(job, outlook.utilisation.peakDtype),
  ...linkFigures(job),
  ...(outlook.run === null ? [] : billFigures(job)),
  ...modelFigures(job),
  used('software.frameworkMemory', job.software.frameworkMemory, BYTES),
  used('software.allocatorOverhead', job.software.allocatorOverhead, RATIO),
];

const acceleratorFigures = ({ cluster: { accelerator } }: Job, peakDtype: string): readonly UsedFigure[] => [
  ...MATRIX_DTYPES.filter((dtype) => multipliesIn(dtype, peakDtype)).flatMap((dtype) => {
    const peak = accelerator.peak[dtype];
    return peak === undefined ? [] : [used(`accelerator.peak.${dtype}`, peak, FLOPS)];
  }),
  used('accelerator.matrixEfficiency', accelerator.matrixEfficiency, RATIO),
  ...(accelerator.narrowEfficiency !== null && NARROW.includes(peakDtype)
    ? [used('accelerator.narrowEfficiency', accelerator.narrowEfficiency, RATIO)]
    : []),
  used('accelerator.memory', accelerator.memory, BYTES),
  used('accelerator.memoryBandwidth', accelerator.memoryBandwidth, RATE),
  used('accelerator.memoryEfficiency', accelerator.memoryEfficiency, RATIO),
  used('accelerator.multiprocessors', accelerator.multiprocessors, COUNT),
  used('accelerator.launch', accelerator.launch, TIME),
];

/** Formats whose products have a best rate of their own. */
const NARROW: readonly string[] = ['fp8', 'fp4'];

/** Runs in fp8 and fp4 keep attention in 16 bits, so both peaks speak. */
const multipliesIn = (dtype: MatrixDtype, peakDtype: string): boolean =>
  dtype === peakDtype || (dtype === 'bf16' && (peakDtype === 'fp8' || peakDtype === 'fp4'));

/** Only links that some message of the job can take. */
const linkFigures = ({ cluster, devices }: Job): readonly UsedFigure[] => [
  ...(devices > 1 && cluster.scaleUpDomain > 1 ? link('scaleUp', cluster.scaleUp) : []),
  ...(devices > cluster.scaleUpDomain ? link('nic', cluster.nic) : []),
  ...link('pcie', cluster.pcie),
];

const link = (name: string, { bandwidth, efficiency, latency }: Job['cluster']['nic']): readonly UsedFigure[] => [
  used(`${name}.bandwidth`, bandwidth, RATE),
  used(`${name}.efficiency`, efficiency, RATIO),
  used(`${name}.latency`, latency, TIME),
];

/** Constants of the cost model that belong to no cluster; each attention kernel has its own. */
const modelFigures = ({ software }: Job): readonly UsedFigure[] =>
  Object.entries(ASSUMPTIONS)
    .filter(([name]) => !name.startsWith(software.attention === 'flash' ? 'unfused' : 'flash'))
    .map(([name, figure]) => used(`model.${name}`, figure, CONSTANT));

const billFigures = ({ cluster: { price, accelerator, hostPower, pue } }: Job): readonly UsedFigure[] => [
  ...price.filter(({ share }) => share > 0).flatMap(paymentFigures),
  used('accelerator.power', accelerator.power, POWER),
  used('hostPower', hostPower, POWER),
  used('pue', pue, FACTOR),
];

const paymentFigures = (payment: Payment): readonly UsedFigure[] => {
  const { kind, share, from, date, region } = payment;
  const source = `${payment.source} (${date}, ${region})`;
  const one = <Q extends number>(key: string, value: Q, as: Kind<Q>): UsedFigure =>
    used(`price.${key}`, { value, from, source }, as);
  const both = <Q extends number>(key: string, { low, high }: Span<Q>, as: Kind<Q>): readonly UsedFigure[] =>
    low === high ? [one(key, low, as)] : [one(`${key}.low`, low, as), one(`${key}.high`, high, as)];
  if (kind === 'listed') return [one('low', payment.hourly.low, HOURLY), one('high', payment.hourly.high, HOURLY)];
  const part = used(`price.${kind}.share`, { value: share, from: 'assumed', source: 'how the hours are split' }, RATIO);
  if (kind !== 'owned') return [part, ...both(`${kind}.price`, payment.hourly, HOURLY)];
  return [
    part,
    ...both('owned.capital', payment.capital, SUM),
    one('owned.years', payment.years, YEARS),
    ...both('owned.power', payment.power, TARIFF),
    used('price.owned.upkeep', payment.upkeep, RATIO),
    used('price.owned.busy', payment.busy, RATIO),
  ];
};

const used = <Q extends number>(key: string, figure: Figure<Q>, { unit, format }: Kind<Q>): UsedFigure => ({
  key,
  value: figure.value,
  unit,
  text: format(figure.value),
  from: figure.from,
  source: figure.source,
});

type FigureCounts = Readonly<Record<Provenance, number>>;
export const countByOrigin = (figures: readonly UsedFigure[]): FigureCounts => ({
  measured: figures.filter(({ from }) => from === 'measured').length,
  calibrated: figures.filter(({ from }) => from === 'calibrated').length,
  datasheet: figures.filter(({ from }) => from === 'datasheet').length,
  assumed: figures.filter(({ from }) => from === 'assumed').length,
});

/** The short legend under every report: what the predictions stand on, the assumed figures by name. */
export const legend = (figures: readonly UsedFigure[], fidelity: string, paint: Paint): readonly string[] => {
  const counts = countByOrigin(figures);
  const origins = PROVENANCES.map((origin) => `${counts[origin]} ${origin}`).join(', ');
  const assumed = figures.filter(({ from }) => from === 'assumed').map(({ key, text }) => `${key} ${text}`);
  const text =
    `Times, memory and money are predictions of the model (rung: ${fidelity}) from ${figures.length} figures: ${origins}.` +
    (assumed.length === 0 ? '' : ` Assumed: ${assumed.join(', ')}.`) +
    ' --sources lists all of them.';
  return wrap(text, PAGE_WIDTH).map((line) => paint('faint', line));
};

export const figureTable = (figures: readonly UsedFigure[], paint: Paint): readonly string[] => {
  const rows = figures.map(({ key, text, from, source }) => [key, text, from, source]);
  const [head = '', ...body] = table([left('figure'), right('value'), left('origin'), left('source')], rows);
  return [paint('title', head), ...body];
};
