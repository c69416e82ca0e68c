/** The most that a stage ever holds: its passes' memory added up along its list of slots, without running anything. */
import { shardsGradients } from '../actors/model-chunk.ts';
import type { MicrobatchRange } from '../actors/schedules/placement.ts';
import { microbatchesThrough, placementOf } from '../actors/schedules/placement.ts';
import { microbatchesToPeak } from '../actors/schedules/schedule.ts';
import type { Slot } from '../actors/schedules/slot.ts';
import { chunkOf, microbatchOf, passOf } from '../actors/schedules/slot.ts';
import type { HostDelta, MemoryDelta } from '../memory/ledger.ts';
import { Ledger } from '../memory/ledger.ts';
import type { Moment } from '../memory/moment.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Job, ScheduleName } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { Meter } from './meter.ts';
import type { SlotCache, SlotList } from './slots.ts';
import { NO_PIECE, pieceIndex, slotLists } from './slots.ts';
import type { Piece, StageAlone } from './stage-alone.ts';
import type { TimedStage } from './stages.ts';

export interface Peak {
  readonly memory: MemoryDelta;
  readonly moment: Moment | null;
}

/** Exact: of a long list a part is enough in which all that is ever in flight together is. */
export const peaksOf = (job: Job, stages: readonly TimedStage[], cache: SlotCache): readonly Peak[] => {
  const all = microbatchesOf(job);
  const microbatches = enoughOf(job, all);
  const lists = slotLists(job.layout, microbatches, cache);
  return stages.map(({ stage, alone }) =>
    peakOf(alone, lists.of(stage), { schedule: job.layout.schedule, run: microbatches, all }),
  );
};

/**
 * Three more than are in flight, so that neither the ends, which differ from the rest, stand in for those at the peak; and
 * whole groups of an interleaved list, and both halves of a mirrored one, which have no others.
 */
const enoughOf = ({ layout: { pp, vp, schedule } }: Job, all: number): number => {
  const enough = microbatchesToPeak(schedule, { stages: pp, microbatches: all, chunks: vp }) + 3;
  const whole = schedule === 'interleaved' ? pp : schedule === 'dualpipe' ? 2 : 1;
  return Math.min(all, Math.ceil(enough / whole) * whole);
};

/** Microbatches of the list that is added up, and of the step that it stands for. */
interface Cut {
  readonly schedule: ScheduleName;
  readonly run: number;
  readonly all: number;
}

const peakOf = (alone: StageAlone, list: SlotList, cut: Cut): Peak => {
  const passes = passesOf(alone, list, cut.run < cut.all);
  const way = [alone.placed, alone.ahead, ...passes, ...alone.settled, alone.tail];
  let [held, peak, summit] = [0, 0, 0];
  for (let index = 0; index < way.length; index++) {
    const { memory, growth } = way[index]!;
    if (held + memory.peak > peak) {
      peak = held + memory.peak;
      summit = index;
    }
    held += growth;
  }
  const slot = Math.min(summit - 2, list.slots.length - 1);
  return {
    memory: { ...heldAt(way, { peak, summit }), host: hostOf(way) },
    moment: slot < 0 ? null : momentOf(list, slot, cut),
  };
};

/** A piece for every slot. */
const passesOf = ({ pieces, context }: StageAlone, list: SlotList, isCut: boolean): readonly Piece[] => {
  // Where every pass sends gradients off, the last of a cut list stands for one in the middle, ahead of which the loader
  // reads; elsewhere only the last one sends them, and nothing is left to read.
  const isEndless = isCut && shardsGradients(context);
  return list.slots.map((slot, index) => {
    const piece = list.pieces[index]!;
    if (piece === NO_PIECE) return NOTHING;
    const isStandIn = isEndless && piece === pieceIndex('forward', chunkOf(slot), 'last');
    return pieces[isStandIn ? pieceIndex('forward', chunkOf(slot), 'middle') : piece]!;
  });
};
const NOTHING: Piece = {
  nanoseconds: 0,
  memory: new Ledger().delta,
  growth: 0,
  meter: new Meter(),
  work: new Meter(),
  tape: [],
  plain: null,
};

/** The same of the host's memory, which peaks at a moment of its own. */
const hostOf = (way: readonly Piece[]): HostDelta => {
  let [net, peak] = [0, 0];
  for (const { memory } of way) {
    peak = Math.max(peak, net + memory.host.peak);
    net += memory.host.net;
  }
  return { net, peak };
};

/** What is held at the peak, purpose by purpose. */
const heldAt = (
  way: readonly Piece[],
  { peak, summit }: { peak: number; summit: number },
): Omit<MemoryDelta, 'host'> => {
  const net = PURPOSES.map(() => 0);
  for (let index = 0; index < summit; index++) {
    const { memory } = way[index]!;
    for (let purpose = 0; purpose < net.length; purpose++) net[purpose]! += memory.net[purpose]!;
  }
  const { peakByPurpose } = way[summit]!.memory;
  return { net, peak, peakByPurpose: net.map((held, purpose) => held + peakByPurpose[purpose]!) };
};

/**
 * When in the whole step a slot of a cut list runs: counted from the beginning, or from the end once a chunk is through
 * with its last microbatch and gradients are on their way, which may be what the peak is of.
 */
const momentOf = ({ slots }: SlotList, index: number, { schedule, run, all }: Cut): Moment => {
  const slot = slots[index]!;
  const through = (microbatches: number, one: Slot): MicrobatchRange =>
    microbatchesThrough(placementOf(schedule), chunkOf(one), microbatches);
  const isLast = (one: Slot): boolean => passOf(one) !== 'forward' && microbatchOf(one) === through(run, one).end - 1;
  const edge = slots.slice(0, index + 1).some(isLast) ? 'end' : 'start';
  const shift = through(all, slot)[edge] - through(run, slot)[edge];
  return { pass: passOf(slot), microbatch: microbatchOf(slot) + shift, chunk: chunkOf(slot) };
};
