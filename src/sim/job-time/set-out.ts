/** From a job and what is known of its failures to the course of its life: seconds and bytes become milliseconds. */
import { compileLifecycle } from '../../actors/lifecycles/transition-table.ts';
import type { CheckpointPlan, Component, Reliability } from '../../scenario/reliability.ts';
import type { BytesPerSecond, Seconds } from '../../units/quantity.ts';
import type { Course, Life, Saving } from './course.ts';
import { DrawnFailures } from './failures.ts';
import { live } from './live.ts';

/** What the life of a job depends on, beside how reliable things are. */
export interface LongJob {
  readonly steps: number;
  readonly step: Seconds;
  readonly devices: number;
  readonly devicesPerNode: number;
  /** Data ranks, each a whole copy of the job, and the devices of one. */
  readonly replicas: number;
  readonly devicesPerReplica: number;
  /** Of a device, to its host and to another node. */
  readonly toHost: BytesPerSecond;
  readonly toNeighbour: BytesPerSecond;
}

const milliseconds = (time: number): number => Math.round(1000 * time);

export const nodesOf = ({ devices, devicesPerNode }: Pick<LongJob, 'devices' | 'devicesPerNode'>): number =>
  Math.ceil(devices / devicesPerNode);

/** A hundredth of the nodes where nobody says. */
export const sparesOf = (job: LongJob, { spares }: Reliability): number => spares ?? Math.ceil(nodesOf(job) / 100);

/** The course with a checkpoint every so many steps; until that is chosen, after every step. */
export const courseOf = (job: LongJob, reliability: Reliability): Course => {
  const { detection, restart, swap, repair, withoutSpare, checkpoint } = reliability;
  const step = 1000 * job.step;
  const every = checkpoint.every === null ? 1 : Math.round((1000 * checkpoint.every) / step);
  return {
    steps: job.steps,
    step,
    stepsBetween: Math.max(1, Math.min(job.steps, every)),
    saving: savingOf(job, checkpoint),
    recovery: {
      detection: milliseconds(detection.value),
      restart: milliseconds(restart.value),
      swap: milliseconds(swap.value),
    },
    nodes: {
      spares: sparesOf(job, reliability),
      repair: milliseconds(repair.value),
      count: nodesOf(job),
      perReplica: job.devicesPerReplica / job.devicesPerNode,
      replicas: job.replicas,
      withoutSpare,
    },
  };
};

/**
 * A job of n nodes and d devices writes S bytes in S / (n B) to storage of B a node, copies them in S / (d H) to its hosts
 * at H a device, and from there in S / (d N) to their neighbours at N a device.
 */
const savingOf = (job: LongJob, { way, size, storage }: CheckpointPlan): Saving => {
  const written = milliseconds(size.value / (nodesOf(job) * storage.value));
  const copied = milliseconds(size.value / (job.devices * job.toHost));
  switch (way.kind) {
    case 'sync':
      return { blocks: written, drains: 0, storageEvery: 1, copies: null };
    case 'async':
      return { blocks: copied, drains: written, storageEvery: 1, copies: null };
    case 'two-stage': {
      const sent = way.copies === 'own' ? 0 : milliseconds(size.value / (job.devices * job.toNeighbour));
      return { blocks: copied + sent, drains: written, storageEvery: way.storageEvery, copies: way.copies };
    }
    default:
      return way satisfies never;
  }
};

/** Failures a day of all cards, all nodes, all of the fabric, and of the software. */
export const dailyFailures = (job: LongJob, { failures }: Reliability): Readonly<Record<Component, number>> => ({
  card: (failures.card.value * job.devices) / 1000,
  node: (failures.node.value * nodesOf(job)) / 1000,
  fabric: (failures.fabric.value * nodesOf(job)) / 1000,
  software: failures.software.value / 1000,
});

/** Of what is drawn: the number of lives, and the seed of the first. */
export interface Lot {
  readonly daily: Readonly<Record<Component, number>>;
  readonly shape: number;
  readonly seed: number;
  readonly count: number;
}

/** Life n of every course sees the same failures. */
export const livesOf = (course: Course, { daily, shape, seed, count }: Lot): readonly Life[] => {
  const table = compileLifecycle('job');
  return Array.from({ length: count }, (_, index) =>
    live(course, new DrawnFailures(seed + index, { daily, shape }), { table }),
  );
};
