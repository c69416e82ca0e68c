/** Every figure that the life of a job was drawn with, with its origin. */
import type { JobOutlook } from '../plan/job-outlook.ts';
import type { Figure } from '../scenario/cluster.ts';
import { COMPONENTS } from '../scenario/reliability.ts';
import { formatBandwidth, formatBytes, formatDuration, formatInteger } from '../units/format.ts';
import type { UsedFigure } from './figures.ts';

export const reliabilityFigures = ({ reliability, spares }: JobOutlook): readonly UsedFigure[] => {
  const { failures, shape, detection, restart, swap, repair, checkpoint } = reliability;
  const spareFigure: Figure<number> = {
    value: spares,
    from: 'assumed',
    source: reliability.spares === null ? "a hundredth of the job's nodes, rounded up" : 'given in the scenario',
  };
  return [
    ...COMPONENTS.map((name) => used(`failures.${name}`, failures[name], RATE)),
    used('shape', shape, NUMBER),
    used('detection', detection, TIME),
    used('restart', restart, TIME),
    used('swap', swap, TIME),
    used('repair', repair, TIME),
    used('spares', spareFigure, COUNT),
    used('checkpoint.size', checkpoint.size, SIZE),
    used('checkpoint.storage', checkpoint.storage, BANDWIDTH),
  ];
};

interface Kind<Q extends number> {
  readonly unit: string;
  readonly format: (value: Q) => string;
}
const RATE: Kind<number> = {
  unit: '1/1000 days',
  format: (value) => `${value < 100 ? value.toPrecision(3) : formatInteger(value)} in 1,000 days`,
};
const NUMBER: Kind<number> = { unit: '1', format: String };
const COUNT = { unit: '1', format: formatInteger };
const TIME = { unit: 's', format: formatDuration };
const SIZE = { unit: 'B', format: formatBytes };
const BANDWIDTH = { unit: 'B/s', format: formatBandwidth };

const used = <Q extends number>(key: string, figure: Figure<Q>, { unit, format }: Kind<Q>): UsedFigure => ({
  key: `reliability.${key}`,
  value: figure.value,
  unit,
  text: format(figure.value),
  from: figure.from,
  source: figure.source,
});
