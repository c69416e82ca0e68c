/**
 * A rank's trace as PyTorch's profiler writes it (https://github.com/pytorch/kineto), for analysers such as Holistic Trace
 * Analysis (https://github.com/facebookresearch/HolisticTraceAnalysis): a file for each rank, its streams as threads.
 */
import type { TraceEntry } from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';
import { instantZero, latest } from '../../units/quantity.ts';
import type { HostWork, Kernel } from './kernels.ts';
import { hostWorkOf, kernelsOf } from './kernels.ts';
import { TIMELINE } from './picture.ts';
import type { ShownStep } from './selection.ts';
import type { Words } from './words.ts';

/** The rank whose file it is, and the card that it has to itself. */
export interface KinetoSubject {
  readonly title: string;
  readonly rank: number;
  readonly devices: number;
  readonly card: { readonly name: string; readonly memory: number; readonly multiprocessors: number };
  readonly steps: readonly ShownStep[];
}

interface Event {
  readonly ph: 'X' | 'M';
  readonly cat?: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly args: Words;
}

/** Processes and threads of a file: one card, and the host that feeds it. */
const CARD = 0;
const HOST = 1_000_000;
const HOST_THREADS = { launches: 1, work: 2 };

export function* kinetoText(entries: readonly TraceEntry[], subject: KinetoSubject): Generator<string> {
  yield `${JSON.stringify(headOf(subject)).slice(0, -1)},"traceEvents":[`;
  let separator = '\n';
  for (const event of eventsOf(entries, subject)) {
    yield `${separator}${JSON.stringify(event)}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

const headOf = ({ title, rank, devices, card }: KinetoSubject): object => ({
  schemaVersion: 1,
  generator: TIMELINE,
  traceName: title,
  displayTimeUnit: 'ms',
  baseTimeNanoseconds: 0,
  distributedInfo: { backend: 'nccl', rank, world_size: devices },
  deviceProperties: [
    { id: CARD, name: card.name, totalGlobalMem: Math.round(card.memory), numSms: card.multiprocessors },
  ],
});

function* eventsOf(entries: readonly TraceEntry[], { rank, steps }: KinetoSubject): Generator<Event> {
  const kernels = kernelsOf(entries);
  yield { ph: 'M', name: 'process_name', pid: HOST, tid: 0, ts: 0, args: { name: `rank ${rank}: host` } };
  yield { ph: 'M', name: 'process_name', pid: CARD, tid: 0, ts: 0, args: { name: `rank ${rank}: card` } };
  for (const { number, start, end } of steps) {
    const where = { pid: HOST, tid: HOST_THREADS.launches };
    yield {
      ph: 'X',
      cat: 'user_annotation',
      name: `ProfilerStep#${number}`,
      ...where,
      ...spanOf({ start, end }),
      args: {},
    };
  }
  const starts = steps.map(({ start }) => start);
  for (const [index, kernel] of kernels.entries()) {
    const stepStart = starts.findLast((start) => start <= kernel.start) ?? instantZero;
    const launched = latest(kernels[index - 1]?.start ?? kernel.start, stepStart);
    yield* launchAndKernel(kernel, { correlation: index + 1, launched });
  }
  for (const [index, work] of hostWorkOf(entries).entries()) yield hostEvent(work, kernels.length + 1 + index);
}

/**
 * The simulated host is never in the way: each kernel is launched while the one before it begins, in no time. The operator
 * and the launch are there for analysers to link them by.
 */
const launchAndKernel = (
  { category, name, operator, stream, start, end, words }: Kernel,
  { correlation, launched }: { readonly correlation: number; readonly launched: Instant },
): readonly Event[] => {
  const ids = { 'External id': correlation, correlation };
  const host = { pid: HOST, tid: HOST_THREADS.launches, ...spanOf({ start: launched, end: launched }) };
  const card = { pid: CARD, tid: stream, ...spanOf({ start, end }) };
  const call = category === 'kernel' ? 'cudaLaunchKernel' : 'cudaMemcpyAsync';
  return [
    { ph: 'X', cat: 'cpu_op', name: operator, ...host, args: { 'External id': correlation } },
    { ph: 'X', cat: 'cuda_runtime', name: call, ...host, args: ids },
    { ph: 'X', cat: category, name, ...card, args: { ...ids, device: CARD, context: 1, stream, ...words } },
  ];
};

const hostEvent = ({ name, start, end, words }: HostWork, id: number): Event => {
  const where = { pid: HOST, tid: HOST_THREADS.work, ...spanOf({ start, end }) };
  return { ph: 'X', cat: 'cpu_op', name, ...where, args: { 'External id': id, ...words } };
};

/**
 * Whole microseconds, for analysers cut off what is between them from both ends of an event: rounded as points in time, what
 * follows each other still does, and no time is lost.
 */
const spanOf = ({ start, end }: { readonly start: Instant; readonly end: Instant }): { ts: number; dur: number } => {
  const ts = Math.round(start / 1e3);
  return { ts, dur: Math.round(end / 1e3) - ts };
};
