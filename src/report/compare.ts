/** One job in both worlds, side by side: what differs, and whether it differs too much. */
import type { ChannelDifference } from '../effects/channels.ts';
import { channelsOf, differences } from '../effects/channels.ts';
import type { Trace, TraceEntry } from '../effects/trace.ts';
import type { Cluster } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { instant } from '../units/quantity.ts';
import type { Phases } from '../effects/phase.ts';
import { medianStep, phasesOf, stepEnds, stepTimes, undisturbedStep } from './step-times.ts';
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
  /** Programs that wanted to run before it did. */
  readonly load: number;
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
  readonly load: number;
  /** Of the real ones the one that few are faster than: what else runs on a machine is no part of the prediction. */
  readonly step: Sided<Seconds>;
  /** The real one in the middle. */
  readonly middle: Seconds;
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
  const traced = both((trace) => medianStep(stepTimes(stepEnds(trace, run), skipped)));
  const steppedIn = stepTimes(real.ends, skipped);
  const step = { simulated: traced.simulated, real: undisturbedStep(steppedIn) };
  const error = step.simulated / step.real - 1;
  const channels = channelsOf(real.trace);
  return {
    ...subject,
    backend: real.backend,
    cores: real.cores,
    load: real.load,
    step,
    tracedStep: traced.real,
    middle: medianStep(steppedIn),
    steppedIn,
    error,
    phases: {
      simulated: phasesOf(launchesApart(simulated.trace, job.cluster), run, skipped),
      real: phasesOf(real.trace, run, skipped),
    },
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

/**
 * What lies between operations is a part of each in the simulation, its launch: here it is a span of its own, as the real
 * gaps are.
 */
const launchesApart = (trace: Trace, { accelerator: { launch } }: Cluster): Trace =>
  trace.flatMap((entry): readonly TraceEntry[] => {
    if (entry.kind !== 'span' || entry.lane !== 'compute') return [entry];
    const share = Math.min(Math.round(launch.value * 1e9), entry.end - entry.start);
    const end = instant(entry.end - share);
    return [
      { ...entry, end },
      { ...entry, name: 'launch', start: end },
    ];
  });

/** True of figures that nobody measured and no document states: a time that follows from them is a guess. */
export const isGuess = ({ accelerator: { kernels, peak, memoryBandwidth } }: Cluster): boolean =>
  kernels === null && [memoryBandwidth, ...Object.values(peak)].every(({ from }) => from === 'assumed');

export const isAgreed = ({ differing, isMemoryEqual, isClose }: Comparison): boolean =>
  differing.length === 0 && isMemoryEqual && isClose;

/** What the simulation takes for granted about the machine, in sentences. */
export const assumptionsOf = (compared: Comparison): readonly string[] => [
  ...aboutCores(compared),
  ...(compared.load > compared.cores / 2
    ? [
        `The load average was ${compared.load.toFixed(2)} before the real steps: other programs ran beside them, which makes them longer.`,
      ]
    : []),
];

const aboutCores = ({ job: { devices, cluster }, cores }: Comparison): readonly string[] => {
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
