/** Trains small jobs for real, all ranks in this thread: what parallel runs are compared with one rank's by. */
import { cast } from '../../src/actors/cast.ts';
import { supervisorOf } from '../../src/actors/device.ts';
import type { Itinerary } from '../../src/actors/itinerary.ts';
import { PROGRESS } from '../../src/actors/progress.ts';
import type { Schedule } from '../../src/actors/schedules/pass-order.ts';
import type { ShareRun, State } from '../../src/effects/share.ts';
import { placeInWhole } from '../../src/effects/share.ts';
import type { Trace } from '../../src/effects/trace.ts';
import type { StatesSource } from '../../src/exec/checkpoint/reader.ts';
import { Arena } from '../../src/exec/arena.ts';
import type { Corpus } from '../../src/exec/data/corpus.ts';
import { localTransports } from './local-transport.ts';
import { operandOf } from '../../src/exec/operand.ts';
import { RankWorld } from '../../src/exec/rank-world.ts';
import { Recorder, traceOf } from '../../src/exec/recorder.ts';
import type { Services } from '../../src/exec/services.ts';
import { sharedMemory } from '../../src/exec/shared-memory.ts';
import { runTogether } from './together.ts';
import { backendOf } from '../../src/exec/training/backend-of.ts';
import type { KernelChoice } from '../../src/exec/training/order.ts';
import { initialStates } from '../../src/exec/checkpoint/held-states.ts';
import type { Observation } from '../../src/exec/training/observation.ts';
import { lossOf } from '../../src/exec/training/observation.ts';
import { trainingServices } from '../../src/exec/training/training-services.ts';
import { readNumbers } from '../../src/kernels/number-format.ts';
import type { MemoryDelta } from '../../src/memory/ledger.ts';
import type { Job } from '../../src/scenario/job.ts';
import { rank } from '../../src/units/identity.ts';
import { instant } from '../../src/units/quantity.ts';
import { positions } from './collective-case.ts';

/** Whole tensors by name. */
export type Tensors = ReadonlyMap<string, Float64Array>;

export interface Trained {
  /** Mean loss of a token, by step. */
  readonly losses: readonly number[];
  /** Norms of all gradients, by step; of one rank's where nobody asked. */
  readonly squares: readonly number[];
  /** As they were before the first step, and as they were stored after the last. */
  readonly initial: Tensors;
  readonly weights: Tensors;
  readonly moments: Tensors;
  readonly trace: Trace;
  readonly memory: readonly MemoryDelta[];
}

/** Tokens of no language, the same for every run. */
export const corpusOf = (
  vocabulary: number,
  { sequence, sequences }: { sequence: number; sequences: number },
): Corpus => {
  const length = sequence * sequences + 1;
  const tokens = new Uint16Array(new SharedArrayBuffer(2 * length));
  let state = 12_345;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    tokens[index] = (state >>> 16) % vocabulary;
  }
  const split = { documents: 1, start: 0, tokens: length, sequences };
  return {
    tokens,
    sequence,
    seed: 1,
    splits: { train: split, validation: split },
    fingerprint: '',
    tokenizerFile: null,
  };
};

export interface Training {
  readonly steps: number;
  readonly kernels?: KernelChoice;
  readonly source?: StatesSource;
  /** In place of the one that the layout names. */
  readonly schedule?: Schedule;
  /** Whoever watches has had enough behind that step; nothing is saved then. */
  readonly stopsAfter?: number;
  /** Of the trace. */
  readonly isDetailed?: boolean;
}

export const train = (
  job: Job,
  { steps, kernels = 'wasm', source = initialStates(7), schedule, stopsAfter = Infinity, isDetailed = false }: Training,
): Trained => {
  const itinerary: Itinerary = {
    first: 1,
    last: steps,
    validatesEvery: null,
    savesEvery: stopsAfter < steps ? null : steps,
  };
  const { sequence, globalBatch } = job.workload;
  const corpus = corpusOf(job.model.vocabulary, { sequence, sequences: globalBatch * steps });
  const ranks = positions(job.devices + 1).map((index) => rank(index));
  const memories = ranks.map(() => sharedMemory());
  const kept = { initial: new Map(), weights: new Map(), moments: new Map() } satisfies Record<string, Whole>;
  const watched: StatesSource = {
    read: (state, run, into) => {
      source.read(state, run, into);
      if (state === 'weight') place(kept.initial, { state, run }, Float64Array.from(into));
    },
    close: () => source.close(),
  };
  const observations: Observation[] = [];
  const ticks = { count: 0 };
  const now = () => instant(ticks.count++);
  const seats = localTransports(memories).map((transport, index) => {
    const self = ranks[index]!;
    const arena = new Arena(memories[index]!);
    const recorder = new Recorder(self, now, { isDetailed });
    const isSupervisor = self === supervisorOf(job);
    const backend = backendOf(isSupervisor ? 'wasm' : kernels, arena);
    const onObservation = (observation: Observation) => {
      observations.push(observation);
      return observation.step < stopsAfter ? ('go on' as const) : ('stop' as const);
    };
    const around = { rank: self, arena, now, corpus, source: watched, saving: null, onObservation };
    const services: Services = { ...trainingServices(around), store: ({ what }) => keep(kept, arena, what) };
    const world = new RankWorld({ arena, transport, backend, services, recorder });
    return { recorder, world, program: cast(job, self, itinerary, schedule) };
  });
  const strands = runTogether(seats);
  return {
    losses: observations.map((one) => lossOf(job, one)),
    squares: observations.map(({ numbers }) => numbers[PROGRESS.indexOf('squares')]!),
    ...kept,
    trace: traceOf(seats.map(({ recorder }) => recorder.log)),
    memory: strands.map(({ state }) => state.tape.settle().delta),
  };
};

type Whole = Map<string, Float64Array>;
type Kept = Readonly<Record<'weights' | 'moments', Whole>>;
type Stored = Parameters<Services['store']>[0]['what'];

/** Puts what a rank stores where it belongs in the whole. */
const keep = (kept: Kept, arena: Arena, what: Stored): void => {
  if (what.kind === 'commit') return;
  for (const { state, tensor, runs } of what.states) {
    const { at, dtype } = operandOf(tensor);
    const values = readNumbers(arena.memory.buffer, { dtype, at, length: tensor.shape[0]! });
    let start = 0;
    for (const run of runs()) {
      place(
        kept[state === 'weight' ? 'weights' : 'moments'],
        { state, run },
        values.subarray(start, start + run.length),
      );
      start += run.length;
    }
  }
};

const place = (
  into: Whole,
  { state, run: { share, start } }: { state: State; run: ShareRun },
  values: Float64Array,
): void => {
  const name = state === 'weight' ? share.name : `${state} of ${share.name}`;
  const whole =
    into.get(name) ?? new Float64Array(share.shape.reduce((all, length) => all * length, 1)).fill(Number.NaN);
  into.set(name, whole);
  for (const [index, value] of values.entries()) {
    const at = placeInWhole(share, start + index);
    if (at !== null) whole[at] = value;
  }
};
