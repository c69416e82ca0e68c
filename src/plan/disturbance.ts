/** What conditions cost a job: the step as it is, the step as it should be, and what of the difference is whose fault. */
import { stageSize } from '../actors/mesh.ts';
import type { Conditions, FabricPlan, Placement } from '../scenario/conditions.ts';
import { CALM } from '../scenario/conditions.ts';
import type { Job } from '../scenario/job.ts';
import { waitedBy } from '../sim/crowd/crowd.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import { circumstancesOf, randomOrder, wiringOf } from '../sim/circumstances.ts';
import { Fabric } from '../sim/network/wiring.ts';
import type { FullRun } from '../sim/full.ts';
import { full } from '../sim/full.ts';
import type { Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';

/** Something that is not as it should be, and what the step would save without it. */
export interface Cause {
  readonly what: string;
  readonly cost: Seconds;
}
/** A rank that is busy for longer than its like: whoever meets it waits for it. */
export interface LateRank {
  readonly rank: number;
  readonly stage: number;
  readonly card: number;
  readonly node: number;
  /** By how much longer it was busy than the rank in the middle of its stage. */
  readonly behind: Seconds;
  /** The same as a share. */
  readonly share: number;
}
/** A link that held messages up. */
export interface NarrowLink {
  readonly link: string;
  /** Over all messages on it. */
  readonly lost: Seconds;
}

export interface Disturbance {
  readonly conditions: Conditions;
  readonly fabric: FabricPlan;
  readonly evaluation: Evaluation;
  /** The step where nothing is wrong and each message has its links to itself. */
  readonly ideal: Seconds;
  /** What each thing costs, the dearest first: the step less what it would be without it. */
  readonly causes: readonly Cause[];
  readonly late: readonly LateRank[];
  readonly narrow: readonly NarrowLink[];
  /** Effects of all ranks, and events of the network. */
  readonly effects: number;
  readonly events: number;
}

/** Conditions of what the job does not have, in words. */
export const strangeConditions = (job: Job, { slow, links }: Conditions, fabric: FabricPlan): readonly string[] => {
  const wiring = wiringOf(job, fabric);
  const wires = new Fabric(wiring);
  const counts = { card: job.devices, node: wiring.nodes, leaf: wires.leaves };
  const known = new Set(links.length === 0 ? [] : Array.from({ length: wires.links }, (_, link) => wires.nameOf(link)));
  return [
    ...slow.flatMap(({ what, index }, place) =>
      index < counts[what]
        ? []
        : [`conditions.slow.${place}.${what}: ${index} is not one of the job's, which are 0 to ${counts[what] - 1}`],
    ),
    ...links.flatMap(({ link }, place) =>
      known.has(link) ? [] : [`conditions.links.${place}.link: ${link} is no link of the job's nodes`],
    ),
  ];
};

const SHOWN = 5;

export const disturb = (job: Job, conditions: Conditions, fabric: FabricPlan): Disturbance => {
  const orders = new Map<Placement, Int32Array | null>();
  const run = (some: Conditions): FullRun => {
    let order = orders.get(some.placement);
    if (order === undefined) orders.set(some.placement, (order = orderOf(job, some.placement, fabric)));
    return full(job, circumstancesOf(job, some, { fabric, order }));
  };
  // Without its only condition a job is the calm one: no job is played twice.
  const steps = new Map<string, Seconds>();
  const stepUnder = (some: Conditions): Seconds => {
    const key = JSON.stringify(some);
    const step = steps.get(key) ?? run(some).evaluation.step;
    steps.set(key, step);
    return step;
  };
  const whole = run(conditions);
  const { step } = whole.evaluation;
  const without = variations(conditions).map(([what, rest]) => ({
    what,
    cost: seconds(Math.max(0, step - stepUnder(rest))),
  }));
  return {
    conditions,
    fabric,
    evaluation: whole.evaluation,
    ideal: stepUnder(CALM),
    causes: without.toSorted((a, b) => b.cost - a.cost),
    late: lateRanks(job, whole),
    narrow: narrowLinks(whole),
    effects: whole.effects,
    events: whole.network?.events ?? 0,
  };
};

/** The conditions without one thing each. */
const variations = (conditions: Conditions): readonly (readonly [what: string, rest: Conditions])[] => {
  const { placement, slow, links, jitter, network } = conditions;
  return [
    ...slow.map(
      (one, index) =>
        [
          `${one.what} ${one.index} takes ${Math.round(100 * one.by)}% longer`,
          { ...conditions, slow: slow.toSpliced(index, 1) },
        ] as const,
    ),
    ...links.map(
      ({ link, left }, index) =>
        [
          left === 0 ? `${link} is dead` : `${link} carries ${Math.round(100 * left)}%`,
          { ...conditions, links: links.toSpliced(index, 1) },
        ] as const,
    ),
    ...(jitter.compute > 0 || jitter.network > 0 ? [['jitter', { ...conditions, jitter: CALM.jitter }] as const] : []),
    ...(placement === 'linear'
      ? []
      : [[`placement ${placement}, not linear`, { ...conditions, placement: 'linear' }] as const]),
    ...(network === 'private'
      ? []
      : [['messages that share links', { ...conditions, network: 'private', links: [] }] as const]),
  ];
};

/** Null: in the order of the ranks. */
const orderOf = (job: Job, placement: Placement, fabric: FabricPlan): Int32Array | null => {
  if (placement === 'linear') return null;
  if (placement === 'random') return randomOrder(job);
  const conditions: Conditions = { ...CALM, network: 'shared' };
  const orders = [null, stagesTogether(job)];
  const steps = orders.map((order) => full(job, circumstancesOf(job, conditions, { fabric, order })).evaluation.step);
  return orders[steps[1]! < steps[0]! ? 1 : 0]!;
};

/** The stages of one pipeline side by side, in place of the replicas of one stage. */
const stagesTogether = ({ layout, devices, cluster: { devicesPerNode } }: Job): Int32Array | null => {
  const perStage = stageSize(layout);
  const nodes = perStage / devicesPerNode;
  if (!Number.isInteger(nodes)) return null;
  return Int32Array.from(
    { length: devices / devicesPerNode },
    (_, node) => (node % nodes) * layout.pp + Math.floor(node / nodes),
  );
};

/** Waits apart, ranks of one stage do the same: who takes longer for it is slow by itself, and not because of others. */
const lateRanks = ({ layout, cluster }: Job, { course, cards }: FullRun): readonly LateRank[] => {
  const perStage = stageSize(layout);
  const busy = course.ends.map((end, rank) => end - waitedBy(course, rank));
  const usual = Array.from({ length: layout.pp }, (_, stage) => {
    const sorted = busy.slice(stage * perStage, (stage + 1) * perStage).toSorted();
    return sorted[Math.floor((perStage - 1) / 2)]!;
  });
  const stageOf = (rank: number): number => Math.floor(rank / perStage);
  return highest(busy.map((time, rank) => time - usual[stageOf(rank)]!)).map(({ index: rank, value }) => {
    const card = cards?.[rank] ?? rank;
    return {
      rank,
      stage: stageOf(rank),
      card,
      node: Math.floor(card / cluster.devicesPerNode),
      behind: seconds(value / 1e9),
      share: value / usual[stageOf(rank)]!,
    };
  });
};

const narrowLinks = ({ network }: FullRun): readonly NarrowLink[] =>
  network === null
    ? []
    : highest(network.use.lost).map(({ index, value }) => ({
        link: network.fabric.nameOf(index),
        lost: seconds(value / 1e9),
      }));

/** The largest that are more than nothing. */
const highest = (values: Float64Array): readonly { readonly index: number; readonly value: number }[] =>
  [...values]
    .map((value, index) => ({ index, value }))
    .filter(({ value }) => value > 0)
    .toSorted((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, SHOWN);
