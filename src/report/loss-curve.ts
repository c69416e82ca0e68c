/** The loss of a run as a picture: train and validation over the steps, in an SVG that needs nothing else. */
import { formatInteger } from '../units/format.ts';
import { ticksBetween } from './axis-ticks.ts';
import type { StepRow } from './loss-csv.ts';

const WIDTH = 760;
const HEIGHT = 420;
const MARGIN = { left: 64, right: 20, top: 48, bottom: 52 };
/** More could not be told apart. */
const POINTS_MAX = 600;
const TICKS_ACROSS = 8;
const TICKS_UP = 6;
const COLOURS = { train: '#2563eb', validation: '#dc2626', text: '#374151', grid: '#e5e7eb' };

interface Point {
  readonly step: number;
  readonly loss: number;
}
interface Scales {
  readonly x: (step: number) => number;
  readonly y: (loss: number) => number;
  readonly steps: readonly [number, number];
  readonly losses: readonly [number, number];
}

export const lossCurve = (rows: readonly StepRow[], title: string): string => {
  const train = thinned(rows.filter(({ loss }) => Number.isFinite(loss)));
  const validation = rows.flatMap(({ step, validationLoss: loss }) =>
    loss !== null && Number.isFinite(loss) ? [{ step, loss }] : [],
  );
  const scales = scalesFor([...train, ...validation]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img"`,
    ` font-family="system-ui, sans-serif" font-size="12" fill="${COLOURS.text}">\n`,
    `<title>${escaped(title)}</title>\n<rect width="100%" height="100%" fill="#ffffff"/>\n`,
    `<text x="${MARGIN.left}" y="24" font-size="15" font-weight="600">${escaped(title)}</text>\n`,
    ...axes(scales),
    ...line(train, scales, { colour: COLOURS.train, width: 1.5, hasDots: train.length === 1 }),
    ...line(validation, scales, { colour: COLOURS.validation, width: 2, hasDots: true }),
    ...legend(train, validation),
    '</svg>\n',
  ].join('');
};

/** The mean of so many steps in a row, at the last of them. */
const thinned = (points: readonly Point[]): readonly Point[] => {
  const size = Math.ceil(points.length / POINTS_MAX);
  if (size <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const some = points.slice(index * size, (index + 1) * size);
    return { step: some.at(-1)!.step, loss: some.reduce((sum, { loss }) => sum + loss, 0) / some.length };
  });
};

/** A run of one step, or of one loss, still has a place in the middle. */
const extent = (values: readonly number[], room: number): readonly [number, number] => {
  if (values.length === 0) return [0, 1];
  // Not Math.min(...values): a long run has more of them than a call takes arguments.
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (least === most) return [least - 1, most + 1];
  const margin = (most - least) * room;
  return [least - margin, most + margin];
};

const scalesFor = (points: readonly Point[]): Scales => {
  const steps = extent(
    points.map(({ step }) => step),
    0,
  );
  const losses = extent(
    points.map(({ loss }) => loss),
    0.05,
  );
  const across = WIDTH - MARGIN.left - MARGIN.right;
  const up = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    steps,
    losses,
    x: (step) => MARGIN.left + (across * (step - steps[0])) / (steps[1] - steps[0]),
    y: (loss) => HEIGHT - MARGIN.bottom - (up * (loss - losses[0])) / (losses[1] - losses[0]),
  };
};

const axes = ({ x, y, steps, losses }: Scales): readonly string[] => {
  const [left, right] = [MARGIN.left, WIDTH - MARGIN.right];
  const bottom = HEIGHT - MARGIN.bottom;
  const wholeSteps = ticksBetween(steps[0], steps[1], TICKS_ACROSS).filter(Number.isInteger);
  const middle = (left + right) / 2;
  const height = (MARGIN.top + bottom) / 2;
  return [
    ...ticksBetween(losses[0], losses[1], TICKS_UP).map(
      (loss) =>
        `<path d="M${left} ${at(y(loss))}H${right}" stroke="${COLOURS.grid}"/>` +
        `<text x="${left - 8}" y="${at(y(loss) + 4)}" text-anchor="end">${loss}</text>\n`,
    ),
    ...wholeSteps.map(
      (step) =>
        `<path d="M${at(x(step))} ${bottom}v5" stroke="${COLOURS.text}"/>` +
        `<text x="${at(x(step))}" y="${bottom + 19}" text-anchor="middle">${formatInteger(step)}</text>\n`,
    ),
    `<path d="M${left} ${bottom}H${right}" stroke="${COLOURS.text}"/>\n`,
    `<text x="${middle}" y="${HEIGHT - 12}" text-anchor="middle">step</text>\n`,
    `<text transform="translate(18 ${height}) rotate(-90)" text-anchor="middle">loss (nats a token)</text>\n`,
  ];
};

const line = (
  points: readonly Point[],
  { x, y }: Scales,
  { colour, width, hasDots }: { readonly colour: string; readonly width: number; readonly hasDots: boolean },
): readonly string[] => {
  if (points.length === 0) return [];
  const path = points.map(({ step, loss }) => `${at(x(step))} ${at(y(loss))}`).join('L');
  const dots = points.map(({ step, loss }) => `<circle cx="${at(x(step))}" cy="${at(y(loss))}" r="3"/>`);
  return [
    `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>\n`,
    ...(hasDots ? [`<g fill="${colour}">${dots.join('')}</g>\n`] : []),
  ];
};

/** Each line with its last value, which is what is asked for first. */
const legend = (train: readonly Point[], validation: readonly Point[]): readonly string[] => {
  const named = [
    { name: 'train', points: train, colour: COLOURS.train },
    { name: 'validation', points: validation, colour: COLOURS.validation },
  ].filter(({ points }) => points.length > 0);
  return named.map(({ name, points, colour }, index) => {
    const y = MARGIN.top + 12 + index * 18;
    const words = `${name} ${points.at(-1)!.loss.toFixed(LEGEND_DIGITS)}`;
    const x = WIDTH - MARGIN.right - LEGEND_WIDTH;
    return `<path d="M${x} ${y - 4}h22" stroke="${colour}" stroke-width="2"/><text x="${x + 28}" y="${y}">${words}</text>\n`;
  });
};
const LEGEND_WIDTH = 140;
const LEGEND_DIGITS = 3;

const at = (value: number): string => String(Number(value.toFixed(1)));
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
