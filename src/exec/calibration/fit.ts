/** From what operations and messages took to the rates that a cluster file says them with. */
import type { Op } from '../../kernels/op.ts';
import { costOf } from '../../kernels/op.ts';
import { extentOf, nameOf } from '../../kernels/op-name.ts';
import { nonNegativeFit } from './least-squares.ts';
import { quantile, spreadOf, undisturbed, warm } from './quantile.ts';
import type { OpTiming } from './stopwatch.ts';
import type { MessageTiming } from './time-messages.ts';

/** One operation of some size: what it takes by itself, and how often it ran. */
export interface OpTime {
  readonly op: Op;
  readonly seconds: number;
  readonly runs: number;
}

/** How far a fit is from what it was made of, as a share of the time; and of how many sizes. */
interface Quality {
  readonly error: number;
  readonly sizes: number;
}
/** See `ProductRate` in `scenario/cluster.ts`. */
export interface ProductFit extends Quality {
  /** FLOPs a second. */
  readonly rate: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}
export interface StreamFit extends Quality {
  /** Bytes a second. */
  readonly rate: number;
}
export interface LinkFit extends Quality {
  readonly latency: number;
  readonly bandwidth: number;
}
export interface OpFits {
  /** Seconds that every operation takes, whatever it does. */
  readonly launch: number;
  /** How much longer the middle run of an operation took than an undisturbed one. */
  readonly spread: number;
  readonly products: Readonly<Record<string, ProductFit>>;
  readonly streams: Readonly<Record<string, StreamFit>>;
}

/** The same operation may have been timed in several runs: its own is what few of all runs were faster than. */
export const fitOps = (timings: readonly OpTiming[]): OpFits => {
  const times = groupsOf(timings, ({ op }) => JSON.stringify({ ...op, rates: null })).map(([, same]) => ({
    op: same[0]!.op,
    seconds: undisturbed(same.flatMap(({ seconds }) => warm(seconds))),
    runs: same.reduce((sum, { seconds }) => sum + seconds.length, 0),
  }));
  const call = Math.min(...times.map(({ seconds }) => seconds));
  const spreads = timings.map(({ seconds }) => spreadOf(warm(seconds)));
  return { launch: call + gapOf(timings), spread: quantile(spreads, 0.5), ...fitRates(times, call) };
};

const groupsOf = <Value>(
  values: readonly Value[],
  keyOf: (value: Value) => string,
): readonly (readonly [string, readonly Value[]])[] => {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups];
};

/** Mean over all operations that ran of what goes before them when nobody disturbs. */
const gapOf = (timings: readonly OpTiming[]): number => {
  let [total, runs] = [0, 0];
  for (const { gaps } of timings) {
    if (gaps.length === 0) continue;
    total += gaps.length * quantile(warm(gaps), GAP_SHARE);
    runs += gaps.length;
  }
  return total / runs;
};
/** What goes before an operation differs from run to run, by the collector of garbage at the least. */
const GAP_SHARE = 0.35;

/** `call` is what an operation takes that does nothing. */
export const fitRates = (times: readonly OpTime[], call: number): Pick<OpFits, 'products' | 'streams'> => {
  const products: Record<string, ProductFit> = {};
  const streams: Record<string, StreamFit> = {};
  for (const [name, all] of groupsOf(times, ({ op }) => nameOf(op))) {
    const same = all.map((time) => ({ ...time, seconds: time.seconds - call })).filter(({ seconds }) => seconds > 0);
    if (same.length === 0) continue;
    if (extentOf(same[0]!.op) !== null) products[name] = fitProduct(same);
    else if (same.some(({ op }) => costOf(op).traffic > 0)) streams[name] = fitStream(same);
  }
  return { products, streams };
};

/** Seconds = FLOPs (1 + rows/m + columns/n + depth/k) / rate, by least squares of the relative error. */
const fitProduct = (times: readonly OpTime[]): ProductFit => {
  const lines = times.map(({ op, seconds }) => {
    const { rows, columns, depth } = extentOf(op)!;
    const work = costOf(op).flops / seconds;
    return [work, work / rows, work / columns, work / depth];
  });
  const x = trimmedFit(lines);
  const [base, ...halves] = x;
  const [rows, columns, depth] = halves.map((half) => half / base!);
  const predicted = lines.map((line) => line.reduce((sum, value, index) => sum + value * x[index]!, 0));
  return { rate: 1 / base!, rows: rows!, columns: columns!, depth: depth!, ...qualityOf(times, predicted) };
};

/** Twice without the lines that took much longer than the others let expect: what was disturbed all the time. */
const trimmedFit = (lines: readonly (readonly number[])[]): readonly number[] => {
  let x = nonNegativeFit(lines, 4);
  for (let round = 0; round < 2; round++) {
    const kept = lines.filter((line) => line.reduce((sum, value, index) => sum + value * x[index]!, 0) > DISTURBED);
    if (kept.length >= lines.length / 2) x = nonNegativeFit(kept, 4);
  }
  return x;
};
/** Of the time that was measured, what a fit makes of a line at least, or it is left out. */
const DISTURBED = 0.85;

/** All bytes over all seconds, so that the total of what was measured is right. */
const fitStream = (times: readonly OpTime[]): StreamFit => {
  const total = (of: (time: OpTime) => number): number => times.reduce((sum, time) => sum + time.runs * of(time), 0);
  const rate = total(({ op }) => costOf(op).traffic) / total(({ seconds }) => seconds);
  const predicted = times.map(({ op, seconds }) => costOf(op).traffic / rate / seconds);
  return { rate, ...qualityOf(times, predicted) };
};

/** `predicted` is of each time the share that the fit makes of it. Sizes that take long weigh more. */
const qualityOf = (times: readonly OpTime[], predicted: readonly number[]): Quality => {
  let [wrong, all] = [0, 0];
  for (const [index, { seconds, runs }] of times.entries()) {
    wrong += runs * seconds * Math.abs(predicted[index]! - 1);
    all += runs * seconds;
  }
  return { error: wrong / all, sizes: times.length };
};

/**
 * All-reduce among two ranks takes two messages of half the tensor, one behind the other: 2 latency + bytes / bandwidth.
 * What is left of the bandwidth is so what messages with their additions achieve.
 */
export const fitLink = (timings: readonly MessageTiming[]): LinkFit => {
  const reduced = timings.filter(({ kind }) => kind === 'all-reduce');
  // The best of all: a round in which either of the ranks had to wait for its core says nothing of the link.
  const times = reduced.map(({ elements, seconds }) => ({ bytes: 4 * elements, seconds: Math.min(...seconds) }));
  const lines = times.map(({ bytes, seconds }) => [bytes / seconds, 2 / seconds]);
  const [perByte, latency] = nonNegativeFit(lines, 2);
  const errors = lines.map(([bytes, messages]) => Math.abs(bytes! * perByte! + messages! * latency! - 1));
  return {
    latency: latency!,
    bandwidth: 1 / perByte!,
    error: errors.reduce((sum, error) => sum + error, 0) / errors.length,
    sizes: times.length,
  };
};
