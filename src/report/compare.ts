/** One job in both worlds, side by side: what differs, and whether it differs too much. */
import type { ChannelDifference } from '../effects/channels.ts';
import { channelsOf, differences } from '../effects/channels.ts';
import type { Trace } from '../effects/trace.ts';
import type { Job } from '../scenario/job.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import type { Phases } from './step-times.ts';
import { median, phasesOf, stepEnds, stepTimes } from './step-times.ts';
import type { Traffic } from './traffic.ts';
import { trafficOf } from './traffic.ts';

/** What a world says of the steps. */
export interface World {
  readonly trace: Trace;
  /** Peak of what the programs allocate, by rank. */
  readonly peaks: readonly Bytes[];
}
export interface RealWorld extends World {
  /** When each step was over in a run of which nothing was written down. */
  readonly ends: readonly Instant[];
  /** The most bytes that were really held at once, by rank. */
  readonly held: readonly Bytes[];
  readonly backend: string;
  /** Of this machine. */
  readonly cores: number;
}

export interface Subject {
  readonly title: string;
  readonly job: Job;
  /** Steps that were run, the `skipped` first ones of which are not counted. */
  readonly steps: number;
  readonly skipped: number;
  /** Largest error of the step time, as a share of the real one. */
  readonly tolerance: number;
}

export interface Sided<T> {
  readonly simulated: T;
  readonly real: T;
}
export interface Comparison extends Subject {
  readonly backend: string;
  readonly cores: number;
  readonly step: Sided<Seconds>;
  /** The step of the run that was written down, which the real phases are of. */
  readonly tracedStep: Seconds;
  /** Of each step that counts. */
  readonly steppedIn: readonly Seconds[];
  /** By how much the prediction is too long, as a share of the real time. */
  readonly error: number;
  readonly phases: Sided<Phases>;
  /** Of all the steps. */
  readonly traffic: Sided<readonly Traffic[]>;
  readonly memory: readonly (Sided<Bytes> & { readonly held: Bytes })[];
  readonly channels: number;
  readonly messages: number;
  readonly differing: readonly ChannelDifference[];
  readonly isMemoryEqual: boolean;
  readonly isClose: boolean;
}

export const compareWorlds = (subject: Subject, worlds: { simulated: World; real: RealWorld }): Comparison => {
  const { job, steps, skipped, tolerance } = subject;
  const run = { devices: job.devices, steps };
  const { simulated, real } = worlds;
  const both = <T>(of: (trace: Trace) => T): Sided<T> => ({ simulated: of(simulated.trace), real: of(real.trace) });
  const traced = both((trace) => median(stepTimes(stepEnds(trace, run), skipped)));
  const steppedIn = stepTimes(real.ends, skipped);
  const step = { simulated: traced.simulated, real: median(steppedIn) };
  const error = step.simulated / step.real - 1;
  const channels = channelsOf(real.trace);
  return {
    ...subject,
    backend: real.backend,
    cores: real.cores,
    step,
    tracedStep: traced.real,
    steppedIn,
    error,
    phases: both((trace) => phasesOf(trace, run, skipped)),
    traffic: both((trace) => trafficOf(trace, job.cluster.scaleUpDomain)),
    memory: real.peaks.map((peak, rank) => ({
      simulated: simulated.peaks[rank]!,
      real: peak,
      held: real.held[rank]!,
    })),
    channels: channels.length,
    messages: channels.reduce((total, { messages }) => total + messages.length, 0),
    differing: differences(simulated.trace, real.trace),
    isMemoryEqual: real.peaks.every((peak, rank) => peak === simulated.peaks[rank]),
    isClose: Math.abs(error) <= tolerance,
  };
};

export const isAgreed = ({ differing, isMemoryEqual, isClose }: Comparison): boolean =>
  differing.length === 0 && isMemoryEqual && isClose;

/** What the simulation takes for granted about the machine, in sentences. */
export const assumptionsOf = ({ job: { devices, cluster }, cores }: Comparison): readonly string[] => {
  const known = cluster.cores?.value ?? null;
  if (known === null)
    return [
      `${cluster.name} names no cores, so that the simulation gives each of the ${devices} ranks a processor of its own; this machine has ${cores} (angel-sim calibrate writes a cluster that knows).`,
    ];
  return [
    devices > known
      ? `${devices} ranks share ${known} cores: in the simulation an operation has the core that is free first to itself until it ends.`
      : `Each of the ${devices} ranks has one of ${known} cores to itself.`,
    'Reading a message keeps the rank that reads it from computing.',
    ...(known === cores ? [] : [`${cluster.name} says ${known} cores, and this machine has ${cores}.`]),
  ];
};
