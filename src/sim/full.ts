/** The full rung: every rank of the job plays its program with a clock of its own. */
import type { Fault, Wiring } from './network/wiring.ts';
import { Fabric } from './network/wiring.ts';
import type { LinkUse } from './network/flows.ts';
import { NetworkWires } from './network/network-wires.ts';
import { stageSize } from '../actors/mesh.ts';
import type { Job } from '../scenario/job.ts';
import { instant } from '../units/quantity.ts';
import type { ProfileCache } from './cache.ts';
import { profileCache } from './cache.ts';
import type { CrowdCourse, Noise } from './crowd/crowd.ts';
import { waitsOf } from './crowd/crowd.ts';
import { Players } from './crowd/players.ts';
import { partsOf } from './crowd/parts.ts';
import { firstsOf, rolesOf } from './crowd/roles.ts';
import type { Role } from './crowd/score.ts';
import type { Evaluation, Term } from './evaluation.ts';
import { TERMS } from './evaluation.ts';
import { folded } from './folded.ts';
import { machineOf } from './machine.ts';
import { Meter } from './meter.ts';
import { peaksOf } from './peak.ts';
import { evaluationOf } from './stage-report.ts';
import { timedStages } from './stages.ts';
import { workByStage } from './work.ts';

/** What is not as it should be, or not as the folded rung takes it for. */
export interface Circumstances {
  /** By rank: the card that it sits on; null: rank n on card n. */
  readonly cards: Int32Array | null;
  /** By card: how many times longer it takes to compute; null: all alike. */
  readonly slowness: Float64Array | null;
  readonly noise: Noise | null;
  /** Null: messages are in nobody's way. */
  readonly network: { readonly wiring: Wiring; readonly faults: readonly Fault[] } | null;
}
export const UNDISTURBED: Circumstances = { cards: null, slowness: null, noise: null, network: null };

export interface FullRun {
  readonly evaluation: Evaluation;
  readonly course: CrowdCourse;
  /** By rank, the card that it sits on. */
  readonly cards: Int32Array | null;
  /** Effects of all ranks that the run stands for. */
  readonly effects: number;
  /** Null where messages are in nobody's way. */
  readonly network: { readonly use: LinkUse; readonly events: number; readonly fabric: Fabric } | null;
}

/** Terms that a slow card takes longer for. */
const COMPUTED: readonly Term[] = ['matrix', 'attention', 'vector', 'recompute', 'optimizer'];

export const full = (
  job: Job,
  { cards, slowness, noise, network }: Circumstances = UNDISTURBED,
  cache: ProfileCache = profileCache(),
): FullRun => {
  const machine = machineOf(job);
  const { devices } = job;
  const roles = rolesOf(job, machine);
  const parts = partsOf(roles, firstsOf(job), machine);
  const seats = cards ?? Int32Array.from({ length: devices }, (_, rank) => rank);
  const crowd = {
    devices,
    slowness: slowness === null ? null : Float64Array.from(seats, (card) => slowness[card]!),
    domains: seats.map((card) => Math.floor(card / machine.scaleUpDomain)),
    noise,
  };
  const fabric = network === null ? null : new Fabric(network.wiring, network.faults);
  const wires = fabric === null ? null : new NetworkWires(fabric, seats, parts.meetings, machine);
  const course = new Players(parts, crowd, machine, wires).play();
  const perStage = stageSize(job.layout);
  return {
    evaluation: evaluated(job, { course, roles, slowness: crowd.slowness, cache }),
    course,
    cards,
    effects: roles.reduce((sum, { effects }) => sum + effects * perStage, 0),
    network: fabric === null || wires === null ? null : { use: wires.use, events: wires.events, fabric },
  };
};

interface Played {
  readonly course: CrowdCourse;
  readonly roles: readonly Role[];
  /** By rank. */
  readonly slowness: Float64Array | null;
  readonly cache: ProfileCache;
}

/** Of each stage the rank that was done last; what it holds and does is what it would by itself. */
const evaluated = (job: Job, { course, roles, slowness, cache }: Played): Evaluation => {
  const stages = timedStages(job, machineOf(job), cache);
  const peaks = peaksOf(job, stages, cache);
  const works = workByStage(job, stages, { cache, what: 'work' });
  const nominal = folded(job, cache).stages;
  const perStage = stageSize(job.layout);
  const end = course.ends.reduce((last, at) => Math.max(last, at), 0);
  return evaluationOf(job, {
    fidelity: 'full',
    end: instant(end),
    stages: stages.map((timed, stage) => {
      const rank = lastOf(course.ends, stage * perStage, perStage);
      const { filledAt, drainsAt } = nominal[stage]!;
      const work = slowed(roles[stage]!.work, slowness?.[rank] ?? 1);
      work.addWork(works[stage]!);
      return {
        timed,
        at: instant(course.ends[rank]!),
        work,
        waits: meterOf(course, rank),
        ...peaks[stage]!,
        filledAt,
        drainsAt,
      };
    }),
  });
};

const lastOf = (ends: Float64Array, first: number, count: number): number => {
  let last = first;
  for (let rank = first; rank < first + count; rank++) if (ends[rank]! > ends[last]!) last = rank;
  return last;
};

const slowed = (work: Meter, factor: number): Meter => {
  const total = new Meter();
  total.add(work);
  for (const term of COMPUTED) total.spend(term, work.spentOn(term) * (factor - 1));
  return total;
};

const meterOf = (course: CrowdCourse, rank: number): Meter => {
  const waits = waitsOf(course, rank);
  const meter = new Meter();
  for (const term of TERMS) meter.spend(term, waits[term]);
  return meter;
};
