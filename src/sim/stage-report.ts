/** From what was counted on one rank of each stage to the report of the whole job. */
import type { DeviceContext } from '../actors/device-context.ts';
import type { Moment } from '../memory/moment.ts';
import type { Axis } from '../effects/group.ts';
import { AXES } from '../effects/group.ts';
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import { TIERS } from '../memory/tier.ts';
import { unitsOf } from '../model/stages.ts';
import type { UnitParameters } from '../model/unit.ts';
import { elementsOfAll, PARTS } from '../model/unit.ts';
import { stageSize } from '../actors/mesh.ts';
import type { Job, Software } from '../scenario/job.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import { between, bytes, flops, instantZero, seconds } from '../units/quantity.ts';
import type { Evaluation, Fidelity, MemoryPeak, StageReport, Term, Terms } from './evaluation.ts';
import { TERMS } from './evaluation.ts';
import { hostHeld } from './host-memory.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import type { Meter } from './meter.ts';
import type { TimedStage } from './stages.ts';

/** What a rung counted on one rank of a stage. */
export interface StageCount {
  readonly timed: Pick<TimedStage, 'stage' | 'context'>;
  /** When the rank was done with its step. */
  readonly at: Instant;
  /** What it did, and what it waited for beside. */
  readonly work: Meter;
  readonly waits: Meter;
  readonly memory: MemoryDelta;
  readonly moment: Moment | null;
  readonly filledAt: Seconds;
  readonly drainsAt: Seconds;
}

export const evaluationOf = (
  job: Job,
  { fidelity, end, stages }: { fidelity: Fidelity; end: Instant; stages: readonly StageCount[] },
): Evaluation => {
  const busiest = stages.reduce((most, stage) => (sentByAll(stage) > sentByAll(most) ? stage : most));
  const held = new Map<DeviceContext, Held>();
  return {
    fidelity,
    step: between(instantZero, end),
    stages: stages.map((stage) => stageReport(job.software, { count: stage, end, held })),
    hardwareFlops: flops(stages.reduce((total, { work }) => total + work.flops, 0) * stageSize(job.layout)),
    sent: totalRecord(AXES, (axis: Axis) => bytes(busiest.work.sentOn(axis))),
    host: hostHeld(
      job,
      stages.map(({ memory }) => memory.host.peak),
    ),
  };
};

const sentByAll = ({ work }: StageCount): number => work.sent;

type Held = Pick<StageReport, 'layers' | 'parameters'>;
/** Stages that are alike share a context. */
const heldBy = (context: DeviceContext, known: Map<DeviceContext, Held>): Held => {
  let held = known.get(context);
  if (held === undefined) {
    const units = context.chunks.flatMap((chunk) => unitsOf(chunk));
    held = {
      layers: context.chunks.map(({ layers }) => layers.length),
      parameters: units.reduce((total, unit) => total + elementsOfUnit(context.layer.parametersOf(unit)), 0),
    };
    known.set(context, held);
  }
  return held;
};
const elementsOfUnit = (parameters: UnitParameters): number =>
  PARTS.reduce((total, part) => total + elementsOfAll(parameters[part]), 0);

const stageReport = (
  software: Software,
  { count, end, held }: { count: StageCount; end: Instant; held: Map<DeviceContext, Held> },
): StageReport => ({
  stage: count.timed.stage,
  ...heldBy(count.timed.context, held),
  terms: termsOf(count, end),
  memory: memoryPeak(software, count),
  host: bytes(count.memory.host.peak),
  copied: totalRecord(TIERS, (tier) => bytes(count.work.copiedTo(tier))),
  filledAt: count.filledAt,
  drainsAt: count.drainsAt,
});

/** The rank's time by term; the time from its own end to the job's is spent waiting for other stages. */
const termsOf = ({ work, waits, at }: StageCount, end: Instant): Terms =>
  totalRecord(TERMS, (term: Term) =>
    seconds((work.spentOn(term) + waits.spentOn(term) + (term === 'bubble' ? end - at : 0)) / 1e9),
  );

/** The allocator loses its share of everything that goes through it: all but the framework's own memory. */
export const memoryPeak = (
  { allocatorOverhead }: Software,
  { memory, moment }: Pick<StageCount, 'memory' | 'moment'>,
): MemoryPeak => {
  const held = totalRecord(PURPOSES, (purpose: Purpose) => bytes(memory.peakByPurpose[PURPOSES.indexOf(purpose)]!));
  const lost = bytes(Math.ceil((memory.peak - held.framework) * allocatorOverhead.value));
  return {
    total: bytes(memory.peak + lost) satisfies Bytes,
    byPurpose: { ...held, allocator: lost },
    moment: moment === null ? 'before the first pass' : momentText(moment),
  };
};

const momentText = ({ pass, microbatch, chunk }: Moment): string =>
  `${pass} of microbatch ${microbatch}, model chunk ${chunk}`;
