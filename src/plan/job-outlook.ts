/** How long a run really takes: its layout's step, played through failures, recoveries and checkpoints, life by life. */
import type { Component, Reliability } from '../scenario/reliability.ts';
import { COMPONENTS, defaultReliability, knownOf } from '../scenario/reliability.ts';
import { hourlyPrice } from '../scenario/price.ts';
import type { Cause, Course, Life } from '../sim/job-time/course.ts';
import { CAUSES, takesNode } from '../sim/job-time/course.ts';
import type { Tried } from '../sim/job-time/interval.ts';
import { bestOf, dalyInterval, dalyWall, sweepIntervals, youngInterval } from '../sim/job-time/interval.ts';
import type { LongJob, Lot } from '../sim/job-time/set-out.ts';
import { courseOf, dailyFailures, livesOf, nodesOf, sparesOf } from '../sim/job-time/set-out.ts';
import { totalRecord } from '../units/total-record.ts';
import type { Dollars, Seconds } from '../units/quantity.ts';
import { bytesPerSecond, dollars, seconds } from '../units/quantity.ts';
import type { Candidate, Range } from './plan.ts';

/** Of a hundred lives the tenth, the fiftieth and the ninetieth, smallest first. */
export interface Percentiles {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
}

export interface CheckpointOutlook {
  /** Chosen by the sweep, or given in the scenario. */
  readonly isChosen: boolean;
  readonly steps: number;
  readonly every: Seconds;
  /** What training waits for at each, and when storage has it after that. */
  readonly blocks: Seconds;
  readonly drains: Seconds;
  /** Share of the time in which storage is written to. */
  readonly storageBusy: number;
  /** Closed forms for the same cost and rate; null without failures. */
  readonly young: Seconds | null;
  readonly daly: Seconds | null;
  /** Daly's expected time of the run at the interval taken; null without failures. */
  readonly dalyWall: Seconds | null;
  /** What other intervals cost; empty where the interval was given. */
  readonly swept: readonly { readonly steps: number; readonly every: Seconds; readonly wall: Seconds }[];
}

export interface JobOutlook {
  readonly candidate: Candidate;
  readonly reliability: Reliability;
  readonly nodes: number;
  readonly spares: number;
  /** Failures a day of all of each. */
  readonly daily: Readonly<Record<Component, number>>;
  /** Between failures; null where nothing fails. */
  readonly mtbf: Seconds | null;
  readonly seeds: number;
  /** Lives that were given up; the percentiles are of the others. */
  readonly unfinished: number;
  readonly useful: Seconds;
  readonly wall: Percentiles;
  /** Useful step time over wall time. */
  readonly goodput: Percentiles;
  /** Time in steps that counted, however slow, over wall time: the effective training time of Llama 3. */
  readonly effective: Percentiles;
  readonly interruptions: Percentiles;
  /** Mean over the lives. */
  readonly byComponent: Readonly<Record<Component, number>>;
  readonly lost: Readonly<Record<Cause, Seconds>>;
  readonly regroupings: number;
  readonly checkpoint: CheckpointOutlook;
  /** Of the job and its spares; null where the cluster has no price. */
  readonly dollars: Readonly<Record<keyof Percentiles, Range<Dollars>>> | null;
}

/** Lives that a sweep plays at each interval. */
const SWEPT_LIVES = 32;
const SECONDS_AN_HOUR = 3600;
const SECONDS_A_DAY = 86_400;

/** Null where the scenario does not say how many tokens the run has. */
export const jobOutlook = (candidate: Candidate, given: Reliability | null): JobOutlook | null => {
  const { job, outlook } = candidate;
  if (outlook.run === null) return null;
  const reliability = given ?? defaultReliability(knownOf(job.model, job.cluster));
  const long = longJobOf(candidate, outlook.run.steps);
  const daily = dailyFailures(long, reliability);
  const lot: Lot = { daily, shape: reliability.shape.value, seed: job.seed, count: reliability.seeds };
  const failuresADay = COMPONENTS.reduce((sum, name) => sum + daily[name], 0);
  const mtbf = failuresADay === 0 ? null : seconds(SECONDS_A_DAY / failuresADay);
  const { course, swept } = scheduled(courseOf(long, reliability), { reliability, lot, mtbf });
  const all = livesOf(course, lot);
  const lives = all.filter(({ isFinished }) => isFinished);
  const wall = percentilesOf(lives, (life) => life.wall / 1000);
  const spares = sparesOf(long, reliability);
  return {
    candidate,
    reliability,
    nodes: nodesOf(long),
    spares,
    daily,
    mtbf,
    seeds: all.length,
    unfinished: all.length - lives.length,
    useful: seconds((course.steps * course.step) / 1000),
    wall,
    goodput: percentilesOf(lives, (life) => life.useful / life.wall),
    effective: percentilesOf(lives, (life) => (life.useful + life.lost.shrunk) / life.wall),
    interruptions: percentilesOf(lives, ({ interruptions }) =>
      COMPONENTS.reduce((sum, name) => sum + interruptions[name], 0),
    ),
    byComponent: totalRecord(COMPONENTS, (name) => mean(lives.map(({ interruptions }) => interruptions[name]))),
    lost: totalRecord(CAUSES, (cause) => seconds(mean(lives.map(({ lost }) => lost[cause])) / 1000)),
    regroupings: mean(lives.map(({ regroupings }) => regroupings)),
    checkpoint: checkpointOutlook(course, { swept, mtbf, daily }),
    dollars: billOf(candidate, wall, spares),
  };
};

/** A replica is what the job can do without: where experts are spread over data ranks, those that share them go together. */
const longJobOf = ({ job, evaluation }: Candidate, steps: number): LongJob => {
  const { devices, cluster, layout } = job;
  const { pcie, nic } = cluster;
  const one = layout.tp * layout.cp * layout.pp;
  const together = Math.max(1, (layout.ep * layout.etp) / (layout.tp * layout.cp));
  const devicesPerReplica = one * together;
  return {
    steps,
    step: evaluation.step,
    devices,
    devicesPerNode: cluster.devicesPerNode,
    replicas: Math.max(1, Math.floor(devices / devicesPerReplica)),
    devicesPerReplica,
    toHost: bytesPerSecond(pcie.bandwidth.value * pcie.efficiency.value),
    toNeighbour: bytesPerSecond(nic.bandwidth.value * nic.efficiency.value),
  };
};

interface Chance {
  readonly reliability: Reliability;
  readonly lot: Lot;
  readonly mtbf: Seconds | null;
}

/** The course with the interval of the scenario, or the best there is. */
const scheduled = (course: Course, { reliability, lot, mtbf }: Chance): { course: Course; swept: readonly Tried[] } => {
  if (reliability.checkpoint.every !== null) return { course, swept: [] };
  if (mtbf === null) return { course: { ...course, stepsBetween: course.steps }, swept: [] };
  const count = Math.min(SWEPT_LIVES, lot.count);
  const swept = sweepIntervals(course, 1000 * mtbf, (one) => livesOf(one, { ...lot, count }));
  return { course: { ...course, stepsBetween: bestOf(swept).stepsBetween }, swept };
};

interface Known {
  readonly swept: readonly Tried[];
  readonly mtbf: Seconds | null;
  readonly daily: JobOutlook['daily'];
}

/** The closed forms know one cost and one recovery: the blocking time, and what a recovery takes on average. */
const checkpointOutlook = (course: Course, { swept, mtbf, daily }: Known): CheckpointOutlook => {
  const { blocks, drains, storageEvery, copies } = course.saving;
  const isWaitedFor = drains === 0 && copies === null;
  const cycle = storageEvery * (course.stepsBetween * course.step + blocks);
  const every = (steps: number): Seconds => seconds((steps * course.step) / 1000);
  const hazard = mtbf === null ? null : { cost: blocks / 1000, mtbf };
  const { detection, restart, swap } = course.recovery;
  const swapped = COMPONENTS.reduce((sum, name) => sum + (takesNode(name) ? daily[name] : 0), 0);
  const share = mtbf === null ? 0 : (swapped * mtbf) / SECONDS_A_DAY;
  const recovery = (detection + restart + share * swap) / 1000;
  const wall = { interval: every(course.stepsBetween), work: every(course.steps), recovery };
  return {
    isChosen: swept.length > 0,
    steps: course.stepsBetween,
    every: every(course.stepsBetween),
    blocks: seconds(blocks / 1000),
    drains: seconds(drains / 1000),
    storageBusy: Math.min(1, (isWaitedFor ? blocks : drains) / cycle),
    young: hazard === null ? null : seconds(youngInterval(hazard)),
    daly: hazard === null ? null : seconds(Math.max(0, dalyInterval(hazard))),
    dalyWall: hazard === null ? null : seconds(Math.min(Number.MAX_VALUE, dalyWall({ ...hazard, ...wall }))),
    swept: swept
      .filter((tried) => tried.wall < Infinity)
      .map((tried) => ({
        steps: tried.stepsBetween,
        every: every(tried.stepsBetween),
        wall: seconds(tried.wall / 1000),
      })),
  };
};

/** Spares wait beside the job, and are paid for as long. */
const billOf = ({ job }: Candidate, wall: Percentiles, spares: number): JobOutlook['dollars'] => {
  const price = hourlyPrice(job.cluster);
  if (price === null) return null;
  const devices = job.devices + spares * job.cluster.devicesPerNode;
  const bill = (time: number): Range<Dollars> => {
    const hours = (devices * time) / SECONDS_AN_HOUR;
    return { low: dollars(hours * price.low), high: dollars(hours * price.high) };
  };
  return { p10: bill(wall.p10), p50: bill(wall.p50), p90: bill(wall.p90) };
};

/** The value that so many of the lives stay below or at: the nearest rank. */
const percentilesOf = (lives: readonly Life[], valueOf: (life: Life) => number): Percentiles => {
  const values = lives.map(valueOf).toSorted((a, b) => a - b);
  const at = (share: number): number => values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0;
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) };
};

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
