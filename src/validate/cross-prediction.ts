/** Failure rates fitted on one published source, held against what the others saw, and a simulated run against Llama 3's. */
import {
  BLOOM_176B,
  LLAMA_3,
  LLAMA_3_RATES,
  OPT_175B,
  RSC_1_MTTF,
  RSC_1_NODE_RATE,
  RSC_2_FAILURES,
} from '../scenario/published-failures.ts';
import type { Component } from '../scenario/reliability.ts';
import { COMPONENTS, defaultReliability } from '../scenario/reliability.ts';
import type { LongJob, Lot } from '../sim/job-time/set-out.ts';
import { courseOf, dailyFailures, livesOf } from '../sim/job-time/set-out.ts';
import { bestOf, sweepIntervals } from '../sim/job-time/interval.ts';
import { bytesPerSecond, seconds } from '../units/quantity.ts';

export const SOURCES = ['Llama 3', 'RSC-1', 'RSC-2', 'OPT-175B', 'BLOOM'] as const;
export type SourceName = (typeof SOURCES)[number];

export interface CrossPrediction {
  /** Whose rates predict, and whose figure is predicted. */
  readonly from: SourceName;
  readonly of: SourceName;
  readonly what: string;
  readonly unit: 'failures' | 'hours' | 'share';
  readonly predicted: number;
  readonly published: number;
  /** The source says at least so much. */
  readonly isAtLeast: boolean;
  /** predicted / published - 1; null where that much was to be expected, since the source gives but a bound. */
  readonly error: number | null;
}

export interface CrossPredictions {
  readonly rows: readonly CrossPrediction[];
  /** Of the absolute errors between different sources, as factors: 2 is twice too much or half. */
  readonly medianFactor: number;
  readonly worstFactor: number;
}

/** Failures of 1,000 days of each component that the source has counted. */
interface Fitted {
  readonly source: SourceName;
  readonly rates: Readonly<Partial<Record<Component, number>>>;
  /** The node's rate counts cards and links as well: they cannot be told apart. */
  readonly isLumped: boolean;
}

const FITTED: readonly Fitted[] = [
  {
    source: 'Llama 3',
    rates: {
      card: LLAMA_3_RATES.card.value,
      node: LLAMA_3_RATES.node.value,
      fabric: LLAMA_3_RATES.fabric.value,
      software: LLAMA_3_RATES.software.value,
    },
    isLumped: false,
  },
  { source: 'RSC-1', rates: { node: RSC_1_NODE_RATE.value }, isLumped: true },
  {
    source: 'OPT-175B',
    rates: { node: (1000 * OPT_175B.hostsCycledMin) / (OPT_175B.nodes * OPT_175B.days) },
    isLumped: true,
  },
  {
    source: 'BLOOM',
    rates: { card: (1000 * BLOOM_176B.cardFailures) / (BLOOM_176B.cards * BLOOM_176B.days) },
    isLumped: false,
  },
];

/** What a source saw of so many cards. */
interface Seen {
  readonly source: SourceName;
  readonly what: string;
  readonly cards: number;
  readonly nodes: number;
  readonly components: readonly Component[];
  readonly isAtLeast: boolean;
  readonly measure: { readonly kind: 'count'; readonly days: number } | { readonly kind: 'mttf' };
  readonly published: number;
}

const HARDWARE: readonly Component[] = ['card', 'node', 'fabric'];
const NODE_DAYS = { cards: 8000, nodes: 1000, measure: { kind: 'count', days: 1 } } as const;

const SEEN: readonly Seen[] = [
  {
    ...LLAMA_3,
    source: 'Llama 3',
    what: 'hardware failures in 54 days, 16,384 cards',
    components: HARDWARE,
    isAtLeast: false,
    measure: { kind: 'count', days: LLAMA_3.days },
    published: HARDWARE.reduce((sum, name) => sum + LLAMA_3.interruptions[name], 0),
  },
  {
    ...LLAMA_3,
    source: 'Llama 3',
    what: 'card failures in 54 days, 16,384 cards',
    components: ['card'],
    isAtLeast: false,
    measure: { kind: 'count', days: LLAMA_3.days },
    published: LLAMA_3.interruptions.card,
  },
  {
    ...NODE_DAYS,
    source: 'RSC-1',
    what: 'node failures of 1,000 node-days',
    components: HARDWARE,
    isAtLeast: false,
    published: RSC_1_NODE_RATE.value,
  },
  {
    ...NODE_DAYS,
    source: 'RSC-2',
    what: 'node failures of 1,000 node-days',
    components: HARDWARE,
    isAtLeast: false,
    published: RSC_2_FAILURES,
  },
  ...RSC_1_MTTF.map(({ cards, hours, isMeasured }): Seen => ({
    source: 'RSC-1',
    what: `mean time to failure of ${cards.toLocaleString('en-US')} cards, ${isMeasured ? 'measured' : 'projected'}`,
    cards,
    nodes: cards / 8,
    components: HARDWARE,
    isAtLeast: false,
    measure: { kind: 'mttf' },
    published: hours,
  })),
  {
    ...OPT_175B,
    source: 'OPT-175B',
    what: 'hosts replaced in two months, 992 cards',
    components: ['card', 'node'],
    isAtLeast: true,
    measure: { kind: 'count', days: OPT_175B.days },
    published: OPT_175B.hostsCycledMin,
  },
  {
    ...OPT_175B,
    source: 'OPT-175B',
    what: 'restarts in two months, 992 cards',
    components: COMPONENTS,
    isAtLeast: false,
    measure: { kind: 'count', days: OPT_175B.days },
    published: OPT_175B.restarts,
  },
  {
    ...BLOOM_176B,
    source: 'BLOOM',
    what: 'card failures in a week, 384 cards',
    components: ['card'],
    isAtLeast: false,
    measure: { kind: 'count', days: BLOOM_176B.days },
    published: BLOOM_176B.cardFailures,
  },
];

export const crossPredictions = (): CrossPredictions => {
  const rows = FITTED.flatMap((fitted) => SEEN.flatMap((seen) => predictionOf(fitted, seen)));
  const factors = rows
    .filter(({ from, of }) => from !== of)
    .map(({ predicted, published }) => Math.max(predicted / published, published / predicted))
    .toSorted((a, b) => a - b);
  const medianFactor = factors[Math.floor(factors.length / 2)] ?? 1;
  return { rows: [...rows, simulatedEffectiveTime()], medianFactor, worstFactor: factors.at(-1) ?? 1 };
};

/** None where the source has not counted what is asked, or where its own count would predict itself. */
const predictionOf = (fitted: Fitted, seen: Seen): readonly CrossPrediction[] => {
  const { source, rates, isLumped } = fitted;
  if (source === seen.source && seen.measure.kind === 'count') return [];
  const asked = isLumped
    ? [...new Set(seen.components.map((name) => (HARDWARE.includes(name) ? 'node' : name)))]
    : seen.components;
  let daily = 0;
  for (const name of asked) {
    const rate = rates[name];
    if (rate === undefined) return [];
    daily += (rate * units(name, seen)) / 1000;
  }
  const { measure, published, isAtLeast, what } = seen;
  const predicted = measure.kind === 'mttf' ? 24 / daily : daily * measure.days;
  const isMet = isAtLeast && predicted >= published;
  return [
    {
      from: source,
      of: seen.source,
      what,
      unit: measure.kind === 'mttf' ? 'hours' : 'failures',
      predicted,
      published,
      isAtLeast,
      error: isMet ? null : predicted / published - 1,
    },
  ];
};

const units = (name: Component, { cards, nodes }: Seen): number => {
  if (name === 'software') return 1;
  return name === 'card' ? cards : nodes;
};

/** Llama 3's 54 days with its own failures and our recoveries: how much of it was training that counted. */
const simulatedEffectiveTime = (): CrossPrediction => {
  const reliability = defaultReliability({ card: 'H100', parameters: 405e9 });
  const lot: Lot = { daily: dailyFailures(LLAMA_3_JOB, reliability), shape: 1, seed: 1, count: LIVES };
  const mtbf = 86_400_000 / COMPONENTS.reduce((sum, name) => sum + lot.daily[name], 0);
  const open = courseOf(LLAMA_3_JOB, reliability);
  const { stepsBetween } = bestOf(sweepIntervals(open, mtbf, (course) => livesOf(course, lot)));
  const lives = livesOf({ ...open, stepsBetween }, lot);
  const predicted = lives.reduce((sum, { useful, lost, wall }) => sum + (useful + lost.shrunk) / wall, 0) / LIVES;
  const published = LLAMA_3.effectiveTimeMin;
  return {
    from: 'Llama 3',
    of: 'Llama 3',
    what: 'effective training time, simulated',
    unit: 'share',
    predicted,
    published,
    isAtLeast: true,
    error: predicted >= published ? null : predicted / published - 1,
  };
};
const LIVES = 16;

/** Steps of 5 s fill the 54 days, more or less; how long they are matters little here. */
const LLAMA_3_JOB: LongJob = {
  steps: (LLAMA_3.days * 86_400) / 5,
  step: seconds(5),
  devices: LLAMA_3.cards,
  devicesPerNode: 8,
  replicas: 128,
  devicesPerReplica: 128,
  toHost: bytesPerSecond(48e9),
  toNeighbour: bytesPerSecond(46e9),
};
