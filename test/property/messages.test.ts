/** Laws of the messages: what is sent is received, no earlier than it arrived, and as much of it as the papers count. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linksOf } from '../../src/actors/device-context.ts';
import type { Axis } from '../../src/effects/group.ts';
import type { Message, Receipt, Trace, TraceEntry } from '../../src/effects/trace.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { FORMATS } from '../../src/model/precision.ts';
import { chunksOf, unitsOf } from '../../src/model/stages.ts';
import { paddedVocabulary } from '../../src/model/parameter.ts';
import { elementsOfAll, parametersOf } from '../../src/model/unit.ts';
import type { Job } from '../../src/scenario/job.ts';
import { microbatchesOf } from '../../src/scenario/job.ts';
import type { Term } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { positions } from '../worlds/collective-case.ts';
import { countStep } from '../worlds/counting.ts';
import { anyJob, legalJobs, nameOf } from '../worlds/job-case.ts';

const entriesOf = <K extends TraceEntry['kind']>(trace: Trace, kind: K): Extract<TraceEntry, { kind: K }>[] =>
  trace.filter((entry): entry is Extract<TraceEntry, { kind: K }> => entry.kind === kind);
const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);
const nanoseconds = (time: number): number => Math.round(time * 1e9);

const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};
const channelOf = ({ from, to, axis, tag }: Message | Receipt): string => `${axis} ${from} -> ${to}, tag ${tag}`;

test('every message is received once, whole, in its order on the channel, and not before it has arrived', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace } = message(job);
      const sent = groupBy(entriesOf(trace, 'message'), channelOf);
      const received = groupBy(entriesOf(trace, 'receipt'), channelOf);
      expect([...received.keys()].sort()).toEqual([...sent.keys()].sort());
      for (const [channel, messages] of sent) {
        const receipts = received.get(channel)!;
        expect(receipts.map(({ size }) => size)).toEqual(messages.map(({ size }) => size));
        for (const [index, { arrived }] of messages.entries())
          expect(arrived, channel).toBeLessThanOrEqual(receipts[index]!.at);
      }
    }),
    { numRuns: 60 },
  );
});

test('messages along an axis change that coordinate of the rank grid and no other', () => {
  for (const devices of [2, 4, 8])
    for (const job of legalJobs(devices, { model: { tied: true, layers: 4 }, workload: { globalBatch: devices } })) {
      const { tp, dp } = job.layout;
      const placeOf = (rank: number) => ({
        tp: rank % tp,
        dp: Math.floor(rank / tp) % dp,
        pp: Math.floor(rank / tp / dp),
      });
      const moved = new Set<string>();
      for (const { axis, from, to } of entriesOf(message(job).trace, 'message')) {
        if (axis === 'control') continue;
        const [start, end] = [placeOf(from), placeOf(to)];
        const changed = (['tp', 'dp', 'pp'] as const).filter((each) => start[each] !== end[each]);
        moved.add(`${axis} changes ${changed.join(' ')}`);
      }
      for (const one of moved) expect(['tp changes tp', 'dp changes dp', 'pp changes pp'], nameOf(job)).toContain(one);
    }
});

test('a message takes at least its push and its latency, and no link of a rank pushes two at once', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const domain = job.cluster.scaleUpDomain;
      const isNear = ({ from, to }: Message): boolean => Math.floor(from / domain) === Math.floor(to / domain);
      const linkOf = (one: Message) => linksOf(job)[isNear(one) ? 'scaleUp' : 'nic'];
      const pushOf = (one: Message): number => nanoseconds(one.size / linkOf(one).bandwidth);
      const { trace } = message(job);
      const lanes = groupBy(entriesOf(trace, 'message'), (one) => `${one.from} ${one.axis} ${isNear(one)}`);
      for (const lane of lanes.values())
        for (const [index, one] of lane.entries()) {
          const pushed = one.arrived - nanoseconds(linkOf(one).latency);
          const before = index === 0 ? 0 : lane[index - 1]!.arrived - nanoseconds(linkOf(one).latency);
          expect(pushed).toBe(Math.max(one.sent, before) + pushOf(one));
        }
    }),
    { numRuns: 40 },
  );
});

test('a lane of a rank does one thing at a time', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const lanes = groupBy(entriesOf(message(job).trace, 'span'), ({ rank, lane }) => `${rank} ${lane}`);
      for (const lane of lanes.values())
        for (const [index, { start, end }] of lane.entries()) {
          expect(start).toBeLessThanOrEqual(end);
          if (index > 0) expect(lane[index - 1]!.end).toBeLessThanOrEqual(start);
        }
    }),
    { numRuns: 40 },
  );
});

test('the terms of every stage add up to the step', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      for (const { step, stages } of [folded(job), message(job).evaluation])
        for (const { terms } of stages) {
          expect(add(TERMS.map((term) => nanoseconds(terms[term])))).toBe(nanoseconds(step));
          for (const term of TERMS) expect(terms[term]).toBeGreaterThanOrEqual(0);
        }
    }),
    { numRuns: 60 },
  );
});

const COMPUTE_TERMS: readonly Term[] = ['matrix', 'attention', 'vector', 'recompute', 'optimizer'];

test('what a rank computed is the length of its spans, and the rest of its time it waited', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace, reports } = message(job);
      const spans = groupBy(
        entriesOf(trace, 'span').filter(({ lane }) => lane === 'compute'),
        ({ rank }) => String(rank),
      );
      for (const [index, { work, at }] of reports.entries()) {
        const computed = add(COMPUTE_TERMS.map((term) => work.spentOn(term)));
        expect(computed).toBe(add((spans.get(String(index)) ?? []).map(({ start, end }) => end - start)));
        expect(work.spent).toBe(at);
      }
    }),
    { numRuns: 60 },
  );
});

test('a step is no shorter than its busiest lane, and no longer than all its work in single file', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace, evaluation } = message(job);
      const length = ({ start, end }: { start: number; end: number }): number => end - start;
      const spans = entriesOf(trace, 'span');
      const lanes = [...groupBy(spans, ({ rank, lane }) => `${rank} ${lane}`).values()];
      const step = nanoseconds(evaluation.step);
      for (const lane of lanes) expect(add(lane.map(length))).toBeLessThanOrEqual(step);
      const messages = entriesOf(trace, 'message').map(({ sent, arrived }) => arrived - sent);
      expect(step).toBeLessThanOrEqual(add(spans.map(length)) + add(messages));
    }),
    { numRuns: 40 },
  );
});

/** Bytes that all devices sent along an axis in a step, message by message. */
const sentAlong = (trace: Trace, axis: Axis): number =>
  add(
    entriesOf(trace, 'message')
      .filter((one) => one.axis === axis)
      .map(({ size }) => size),
  );

/** Elements of one tensor rank's part of each stage. */
const stageElements = ({ model, layout: { tp, pp, vp } }: Job): readonly number[] =>
  positions(pp).map((stage) =>
    add(
      chunksOf(model.layers, { pp, vp, stage })
        .flatMap((chunk) => unitsOf(chunk))
        .map((kind) => elementsOfAll(parametersOf(kind, model, { tp, isSplit: pp > 1 }))),
    ),
  );

/** Layers whose forward pass backward runs again. */
const layersAgain = ({ model, recompute, layout: { pp, vp } }: Job): number => {
  if (recompute.kind !== 'full') return 0;
  const most = recompute.layers === 'all' ? model.layers : recompute.layers;
  return add(
    positions(pp).flatMap((stage) =>
      chunksOf(model.layers, { pp, vp, stage }).map(({ layers }) => Math.min(layers, most)),
    ),
  );
};

/**
 * Bytes along the tensor axis, all ranks together. One lap of a ring of t ranks moves t - 1 wholes. With b s h elements
 * of activations a microbatch:
 * without sequence parallelism an all-reduce (two laps) after each branch forward and before each backward (Shoeybi et
 * al. 2019, figure 4), one more behind the embedding and one in front of the head, and three of a number a token in the
 * loss; where stages meet, one lap gathers what was sent in parts (Narayanan et al. SC21, section 4.1).
 * With it a gather and a scatter (a lap each) instead, and one more gather a branch in backward, for the input that is
 * kept in parts (Korthikanti et al. 2022, section 4.2.2).
 */
const tensorBytes = (job: Job): number => {
  const { model, layout, workload, precision } = job;
  const { tp, pp, vp, dp, microbatch, sequenceParallel } = layout;
  const tokens = microbatch * workload.sequence;
  const whole = tokens * model.hidden * DTYPE_BYTES[FORMATS[precision].activation];
  const loss = 3 * 2 * tokens * DTYPE_BYTES.fp32;
  const again = layersAgain(job);
  const dropsNorms = job.recompute.kind === 'selective' && job.recompute.modules.includes('layernorm');
  expect(dropsNorms).toBe(false);
  const laps = sequenceParallel
    ? model.layers * (4 + 6) + again * 4 + (1 + 1) + (1 + 2)
    : model.layers * (4 + 4) + again * 4 + 2 + 2 + 2 * (pp * vp - 1);
  return microbatchesOf(job) * dp * (tp - 1) * (laps * whole + loss);
};

/** Every microbatch crosses from chunk to chunk, there and back, once for all tensor ranks; a tied table's gradient, once each way. */
const pipelineBytes = (job: Job): number => {
  const { model, layout, workload, precision } = job;
  const { tp, pp, vp, dp, microbatch, zero } = layout;
  const { activation, gradient } = FORMATS[precision];
  const crossing = microbatch * workload.sequence * model.hidden * DTYPE_BYTES[activation];
  const table = paddedVocabulary(model.vocabulary, tp) * model.hidden * DTYPE_BYTES[gradient];
  const exchange = model.tied && pp > 1 ? 2 * table * (zero === 0 ? dp : 1) : 0;
  return microbatchesOf(job) * dp * 2 * (pp * vp - 1) * crossing + exchange;
};

/** Elements of a tied table that travel a second time, to the head that works with it beside the embedding. */
const lentTable = ({ model, layout: { tp, pp } }: Job): number =>
  model.tied && pp === 1 ? (paddedVocabulary(model.vocabulary, tp) * model.hidden) / tp : 0;

/**
 * Two laps of the gradients, or with ZeRO 1 one lap of them and one of the new weights; ZeRO 2 scatters gradients after
 * every microbatch; ZeRO 3 gathers the weights twice a microbatch besides, and has none to publish (Rajbhandari et al.
 * 2020, section 7).
 */
const dataBytes = (job: Job): number => {
  const { layout, precision } = job;
  const { tp, dp, zero } = layout;
  const { weight, gradient } = FORMATS[precision];
  const microbatches = microbatchesOf(job);
  const [weights, gradients] = [DTYPE_BYTES[weight], DTYPE_BYTES[gradient]];
  const elements = add(stageElements(job));
  const lent = elements + lentTable(job);
  const each = [
    elements * 2 * gradients,
    elements * (gradients + weights),
    lent * microbatches * gradients + elements * weights,
    lent * microbatches * (gradients + 2 * weights),
  ][zero]!;
  return tp * (dp - 1) * each;
};

const expectVolumes = (job: Job): void => {
  const { trace } = message(job);
  expect({
    job: nameOf(job),
    tp: sentAlong(trace, 'tp'),
    pp: sentAlong(trace, 'pp'),
    dp: sentAlong(trace, 'dp'),
    control: sentAlong(trace, 'control'),
  }).toEqual({
    job: nameOf(job),
    tp: tensorBytes(job),
    pp: pipelineBytes(job),
    dp: dataBytes(job),
    control: job.devices * DTYPE_BYTES.int32,
  });
};

describe('the bytes along each axis are those that the papers count', () => {
  test.each([1, 2, 3, 4, 6])('on every layout of %d ranks', (devices) => {
    for (const job of legalJobs(devices, { workload: { globalBatch: devices } })) expectVolumes(job);
  });

  test('for every model, precision and recomputation', () => {
    const jobs = anyJob.filter(
      ({ recompute }) => recompute.kind !== 'selective' || !recompute.modules.includes('layernorm'),
    );
    fc.assert(fc.property(jobs, expectVolumes), { numRuns: 60 });
  });
});

test('a world that knows nothing of time sends the same bytes between stages and among tensor ranks', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const tallies = countStep(job);
      const { trace } = message(job);
      const { tp, dp } = job.layout;
      expect(sentAlong(trace, 'pp')).toBe(add(tallies.map(({ sent }) => sent.pp)));
      // Every rank of a ring counts all its trips: together they move n - 1 wholes a trip.
      const trips = (axis: 'tp' | 'dp', size: number): number =>
        (add(tallies.map((tally) => tally.trips[axis])) * (size - 1)) / size;
      expect(sentAlong(trace, 'tp')).toBe(trips('tp', tp));
      expect(sentAlong(trace, 'dp')).toBe(trips('dp', dp));
    }),
    { numRuns: 60 },
  );
});
