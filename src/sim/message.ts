/** The message rung: every rank of a small world with every operation and every message. */
import { cast } from '../actors/cast.ts';
import { supervisorOf } from '../actors/device.ts';
import type { Itinerary } from '../actors/itinerary.ts';
import { ONE_STEP } from '../actors/itinerary.ts';
import { deviceContext } from '../actors/device-context.ts';
import { placeOf, stageSize } from '../actors/mesh.ts';
import { Meter } from './meter.ts';
import type { Strand } from '../effects/program.ts';
import type { Trace } from '../effects/trace.ts';
import type { Job } from '../scenario/job.ts';
import { rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import { between, instantZero, latest, seconds } from '../units/quantity.ts';
import type { Evaluation } from './evaluation.ts';
import { machineOf } from './machine.ts';
import { MessageWorld } from './message-world.ts';
import type { Path } from './path.ts';
import type { Conditions } from './setting.ts';
import type { StageCount } from './stage-report.ts';
import { evaluationOf } from './stage-report.ts';

/** Ranks that the rung is meant for. */
export const RANKS_MAX = 16;
/** Ranks whose every message is written down in reasonable time and memory, where that is what is asked for. */
export const TRACED_RANKS_MAX = 1024;

export const CALM: Conditions = { incidents: [], slowdown: 1, restart: seconds(0) };

export interface MessageRun {
  readonly evaluation: Evaluation;
  readonly trace: Trace;
  /** What every rank counted, in the order of the ranks. */
  readonly reports: readonly StageCount[];
}

export interface Course {
  readonly itinerary?: Itinerary;
  /** The trace of another world whose choices by data are made again; null: what is expected happens. */
  readonly replayed?: Trace | null;
  /** The trace tells what each rank holds, and what each strand is in the middle of, as well. */
  readonly isDetailed?: boolean;
  /** A trace that grows past so many entries is given up with `TraceTooLong`. */
  readonly entriesMax?: number;
}

/** Runs the job, one step unless more are asked for, on all its ranks, and its supervisor beside them. */
export const message = (
  job: Job,
  conditions: Conditions = CALM,
  { itinerary = ONE_STEP, replayed = null, isDetailed = false, entriesMax = Infinity }: Course = {},
): MessageRun => {
  const world = new MessageWorld(machineOf(job), { seed: job.seed, conditions, replayed, isDetailed, entriesMax });
  const ranks = Array.from({ length: job.devices }, (_, index) => rank(index));
  const programs = [...ranks, supervisorOf(job)].map((self) => ({ rank: self, program: cast(job, self, itinerary) }));
  const devices = world.run(programs).slice(0, job.devices);
  const end = devices.reduce<Instant>((last, { state }) => latest(last, state.at), instantZero);
  const reports = devices.map((strand) => counted(job, strand));
  const perStage = stageSize(job.layout);
  const firsts = reports.filter((_, index) => index % perStage === 0);
  return { evaluation: evaluationOf(job, { fidelity: 'message', end, stages: firsts }), trace: world.trace, reports };
};

/** A rank that was run has counted its waits with its work. */
const NONE = new Meter();

const counted = (job: Job, { rank: self, state }: Strand<Path>): StageCount => {
  const ledger = state.tape.settle();
  return {
    timed: { stage: placeOf(job.layout, self).stage, context: deviceContext(job, self) },
    at: state.at,
    work: state.meter,
    waits: NONE,
    memory: ledger.delta,
    moment: ledger.peakMoment,
    filledAt: between(instantZero, state.marks.get('steady') ?? instantZero),
    drainsAt: between(instantZero, state.marks.get('drain') ?? instantZero),
  };
};
