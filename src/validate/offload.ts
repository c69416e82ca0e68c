/** What a row says was kept in the host's memory, as far as it is predicted. */
import type { Offload } from '../scenario/job.ts';
import { NO_OFFLOAD } from '../scenario/job.ts';
import type { Model } from '../scenario/model.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import type { Row } from './row.ts';

const DRAM: Offload = { optimizer: 'dram', activations: 0 };

/** The ways to offload that fit the row, the preferred one first. */
export const offloadsOf = ({ offload: text }: Row, model: Model): readonly Filled<Offload>[] => {
  if (text === null) return [stated(NO_OFFLOAD)];
  const meaning = OFFLOADS.find(([pattern]) => pattern.test(text))?.[1];
  return meaning?.(text, model) ?? [assume(NO_OFFLOAD, `offload none: "${text}" is not predicted`)];
};

type Spelled = (text: string, model: Model) => readonly Filled<Offload>[];
const OFFLOADS: readonly (readonly [pattern: RegExp, meaning: Spelled])[] = [
  [/^fraction [\d.]+ of activations/, (text) => [stated(activations(Number(/[\d.]+/.exec(text)?.[0])))]],
  [
    /^activations of \d+ layers/,
    (text, { layers }) => {
      const share = Math.min(1, Number(/\d+/.exec(text)?.[0]) / layers);
      return [assume(activations(share), `offload: ${share} of each model chunk's activations for "${text}"`)];
    },
  ],
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

const activations = (share: number): Offload => ({ optimizer: 'none', activations: share });
