/** From what was counted on one rank of each stage to the report of the whole job. */
import type { DeviceContext } from '../actors/device-context.ts';
import type { Moment } from '../memory/moment.ts';
import type { Axis } from '../effects/group.ts';
import { AXES } from '../effects/group.ts';
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import { unitsOf } from '../model/stages.ts';
import { elementsOfAll } from '../model/unit.ts';
import type { Job, Software } from '../scenario/job.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import { between, bytes, flops, instantZero, seconds } from '../units/quantity.ts';
import type { Evaluation, Fidelity, MemoryPeak, StageReport, Term, Terms } from './evaluation.ts';
import { TERMS } from './evaluation.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import type { Meter } from './meter.ts';

/** What a rung counted on one rank of a stage. */
export interface StageCount {
  readonly context: DeviceContext;
  /** When the rank was done with its step. */
  readonly at: Instant;
  readonly meter: Meter;
  readonly memory: MemoryDelta;
  readonly moment: Moment | null;
  readonly filledAt: Seconds;
  readonly drainsAt: Seconds;
}

export const evaluationOf = (
  job: Job,
  { fidelity, end, stages }: { fidelity: Fidelity; end: Instant; stages: readonly StageCount[] },
): Evaluation => {
  const { tp, dp } = job.layout;
  const busiest = stages.reduce((most, stage) => (sentByAll(stage) > sentByAll(most) ? stage : most));
  return {
    fidelity,
    step: between(instantZero, end),
    stages: stages.map((stage) => stageReport(stage, end)),
    hardwareFlops: flops(stages.reduce((total, { meter }) => total + meter.flops, 0) * tp * dp),
    sent: totalRecord(AXES, (axis: Axis) => bytes(busiest.meter.sentOn(axis))),
  };
};

const sentByAll = ({ meter }: StageCount): number => AXES.reduce((total, axis) => total + meter.sentOn(axis), 0);

const stageReport = (count: StageCount, end: Instant): StageReport => {
  const { context } = count;
  return {
    stage: context.place.stage,
    layers: context.chunks.map(({ layers }) => layers),
    parameters: context.chunks
      .flatMap((chunk) => unitsOf(chunk))
      .reduce((total, kind) => total + elementsOfAll(context.layer.parameters[kind]), 0),
    terms: termsOf(count, end),
    memory: memoryPeak(context.job.software, count),
    filledAt: count.filledAt,
    drainsAt: count.drainsAt,
  };
};

/** The rank's time by term; the time from its own end to the job's is spent waiting for other stages. */
const termsOf = ({ meter, at }: StageCount, end: Instant): Terms =>
  totalRecord(TERMS, (term: Term) => seconds((meter.spentOn(term) + (term === 'bubble' ? end - at : 0)) / 1e9));

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
