/** What a row says was kept in the host's memory, as far as it is predicted. */
import type { Offload } from '../scenario/job.ts';
import { NO_OFFLOAD } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import type { Row } from './row.ts';

const DRAM: Offload = { optimizer: 'dram', activations: 0 };

/** What an offloaded share is of. */
interface Depth {
  readonly layers: number;
  /** Model chunks that they are cut into. */
  readonly chunks: number;
}

/** The ways to offload that fit the row, the preferred one first. */
export const offloadsOf = ({ offload: text }: Row, depth: Depth): readonly Filled<Offload>[] => {
  if (text === null) return [stated(NO_OFFLOAD)];
  const meaning = OFFLOADS.find(([pattern]) => pattern.test(text))?.[1];
  return meaning?.(text, depth) ?? [assume(NO_OFFLOAD, `offload none: "${text}" is not predicted`)];
};

type Spelled = (text: string, depth: Depth) => readonly Filled<Offload>[];
const OFFLOADS: readonly (readonly [pattern: RegExp, meaning: Spelled])[] = [
  [/^fraction [\d.]+ of activations/, (text, depth) => [activations(firstNumber(text), { text, depth })]],
  [/^activations of \d+ layers/, (text, depth) => [activations(firstNumber(text) / depth.layers, { text, depth })]],
  [
    /where memory requires/,
    (text) => [
      assume(NO_OFFLOAD, `offload none: "${text}", and all fits without`),
      assume(DRAM, `offload optimizer: "${text}", and without it nothing fits`),
    ],
  ],
  [/^optimizer( states)? to (CPU|Grace CPU)$/, () => [stated(DRAM)]],
  [/optimizer/, (text) => [assume(DRAM, `offload optimizer: of "${text}" nothing else is predicted`)]],
];

const firstNumber = (text: string): number => Number(/[\d.]+/.exec(text)?.[0]);

/** Whole layers are offloaded: the share of a chunk's that is nearest. */
const activations = (asked: number, { text, depth }: { text: string; depth: Depth }): Filled<Offload> => {
  const layers = Math.max(1, Math.round(depth.layers / depth.chunks));
  const whole = Math.min(layers, Math.round(asked * layers));
  const value: Offload = { optimizer: 'none', activations: whole / layers };
  return Math.abs(whole / layers - asked) < 1e-9
    ? stated(value)
    : assume(value, `offload: the activations of ${whole} of a model chunk's ${layers} layers for "${text}"`);
};
