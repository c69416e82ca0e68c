/** The law that the product's proof is: simulated and real, a job sends the same messages and takes the same memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Itinerary } from '../../src/actors/itinerary.ts';
import { channelsOf, differences } from '../../src/effects/channels.ts';
import type { Message, Trace } from '../../src/effects/trace.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { bytes } from '../../src/units/quantity.ts';
import { nameOf } from '../worlds/job-case.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { anyRealJob, REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import type { Trained } from '../worlds/training.ts';
import { train } from '../worlds/training.ts';

interface Worlds {
  readonly simulated: ReturnType<typeof message>;
  readonly real: Trained;
}
/** Both worlds on the same steps; a mixture's choices are those of the real one. */
const bothOf = (job: Job, steps: number): Worlds => {
  const itinerary: Itinerary = { first: 1, last: steps, validatesEvery: null, savesEvery: steps };
  const real = train(job, { steps });
  return { simulated: message(job, CALM, { itinerary, replayed: real.trace }), real };
};

/** The states that the lives of each rank went through, by rank and subject. */
const livesOf = (trace: Trace): Readonly<Record<string, readonly string[]>> => {
  const lives: Record<string, string[]> = {};
  for (const entry of trace)
    if (entry.kind === 'passage') (lives[`${entry.rank} ${entry.subject}`] ??= []).push(`${entry.event}: ${entry.to}`);
  return lives;
};

const expectAgreement = (job: Job, steps: number): void => {
  const { simulated, real } = bothOf(job, steps);
  const name = nameOf(job);
  expect(channelsOf(real.trace).length, name).toBeGreaterThan(0);
  expect(differences(simulated.trace, real.trace), name).toEqual([]);
  expect(livesOf(real.trace), name).toEqual(livesOf(simulated.trace));
  expect(Object.keys(livesOf(real.trace)), name).toContain(`${job.devices} job`);
  for (const [rank, { memory }] of simulated.reports.entries()) {
    expect(real.memory[rank]!.peak, `peak of rank ${rank}, ${name}`).toBe(memory.peak);
    expect(real.memory[rank]!.peakByPurpose, `peak of rank ${rank}, ${name}`).toEqual(memory.peakByPurpose);
    expect(real.memory[rank]!.host, `host of rank ${rank}, ${name}`).toEqual(memory.host);
  }
};

describe('the same messages on every channel, and the same peak of memory on every rank, to the byte', () => {
  test.each([1, 2, 4, 8])('on random layouts of %i ranks', (devices) => {
    const numRuns = devices === 8 ? 10 : 20;
    fc.assert(
      fc.property(anyRealJob(devices), fc.constantFrom(1, 2), (job, steps) => expectAgreement(job, steps)),
      { numRuns },
    );
  });
  test.each(Object.entries(REAL_FAMILIES))('with every axis at once on 16 ranks: %s', (_, family) => {
    for (const [zero, contextKind] of [
      [0, 'ring'],
      [1, 'all-to-all'],
    ] as const) {
      const layout = { tp: 2, cp: 2, pp: 2, dp: 2, contextKind, zero, sequenceParallel: true, microbatch: 2 };
      expectAgreement(smallJob(tinyJob({ layout, model: { layers: 2 }, workload: { globalBatch: 8 } }), family), 1);
    }
  });
});

/** Every token goes to two of four experts of each layer. */
const experts = {
  count: 4,
  active: 2,
  ffn: 16,
  sharedFfn: 0,
  sharedGate: false,
  routerBias: false,
  bias: false,
  layers: [true],
} as const;
const mixtureOf = (layout: Partial<Layout>): Job => {
  const job = smallJob(tinyJob({ layout, model: { layers: 2 }, workload: { globalBatch: 4 } }), {
    ...REAL_FAMILIES['llama']!,
    experts,
  });
  return { ...job, layout: { ...job.layout, ep: layout.ep ?? 1, etp: layout.etp ?? 1 } };
};

describe('a mixture of experts, whose choices are made again as they were', () => {
  test.each<Partial<Layout>>([
    { dp: 2 },
    { dp: 2, ep: 2 },
    { dp: 2, ep: 2, zero: 1 },
    { tp: 2, dp: 2, ep: 2, sequenceParallel: true },
    { pp: 2, dp: 2, ep: 2 },
    { dp: 4, ep: 4 },
  ])('sends the same messages and takes the same memory: %j', (layout) => {
    expectAgreement(mixtureOf(layout), 2);
  });
  test('would send others without them', () => {
    const job = mixtureOf({ dp: 2, ep: 2 });
    const real = train(job, { steps: 1 });
    const itinerary: Itinerary = { first: 1, last: 1, validatesEvery: null, savesEvery: 1 };
    expect(differences(message(job, CALM, { itinerary }).trace, real.trace)).not.toEqual([]);
  });
});

type Alteration = (message: Message) => readonly Message[];
const ALTERATIONS: Readonly<Record<string, Alteration>> = {
  'of another tag': (one) => [{ ...one, tag: one.tag + 1 }],
  'a byte longer': (one) => [{ ...one, size: bytes(one.size + 1) }],
  'that is missing': () => [],
  'that comes twice': (one) => [one, one],
};
const altered = (trace: Trace, one: Message, alteration: Alteration): Trace =>
  trace.flatMap((entry): Trace => (entry === one ? alteration(one) : [entry]));

/** Another message of the same channel, should the two not be the same. */
const swapped = (trace: Trace, one: Message, other: Message): Trace =>
  trace.map((entry) => (entry === one ? other : entry === other ? one : entry));

const ALTERED_JOB = smallJob(
  tinyJob({ layout: { tp: 2, pp: 2, zero: 0 }, model: { layers: 4 }, workload: { globalBatch: 4 } }),
  REAL_FAMILIES['llama']!,
);

describe('of all the messages of a step, in either world', () => {
  const { simulated, real } = bothOf(ALTERED_JOB, 1);
  const worlds = { simulated: simulated.trace, real: real.trace };
  /** What differs once `change` has been made to one of the two. */
  const found = (world: keyof typeof worlds, change: (trace: Trace) => Trace) => {
    const of = (name: keyof typeof worlds): Trace => (name === world ? change(worlds[name]) : worlds[name]);
    return differences(of('simulated'), of('real'));
  };
  const anyWorld = fc.constantFrom('simulated' as const, 'real' as const);
  const channels = { simulated: channelsOf(worlds.simulated), real: channelsOf(worlds.real) };
  const anyMessage = fc.tuple(anyWorld, fc.nat(), fc.nat()).map(([world, place, index]) => {
    const channel = channels[world][place % channels[world].length]!;
    return { world, channel, index: index % channel.messages.length };
  });

  test.each(Object.entries(ALTERATIONS))('one %s is caught, on its channel alone', (_, alteration) => {
    fc.assert(
      fc.property(anyMessage, ({ world, channel: { from, to, strand, messages }, index }) => {
        const differing = found(world, (trace) => altered(trace, messages[index]!, alteration));
        expect(differing).toMatchObject([{ from, to, strand }]);
        // Of equal messages one behind another, the last one is missed first, or is one too many.
        expect(differing[0]!.index).toBeGreaterThanOrEqual(index);
      }),
    );
  });
  test('two in each other’s place are caught', () => {
    const pairs = (['simulated', 'real'] as const).flatMap((world) =>
      channels[world].flatMap(({ from, to, strand, messages }) =>
        messages.slice(1).flatMap((next, index) => {
          const one = messages[index]!;
          return one.tag === next.tag && one.size === next.size ? [] : [{ world, from, to, strand, index, one, next }];
        }),
      ),
    );
    expect(pairs.length).toBeGreaterThan(0);
    for (const { world, from, to, strand, index, one, next } of pairs)
      expect(found(world, (trace) => swapped(trace, one, next))).toMatchObject([{ from, to, strand, index }]);
  });
});
