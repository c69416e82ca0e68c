/**
 * A world that only counts: what each rank multiplies, holds and sends, without time. FLOPs come from the shapes of the
 * operations and bytes from the sizes of blocks and tensors; what `src/` would say of them is kept apart.
 */
import { cast } from '../../src/actors/cast.ts';
import type { AnswerTo, Collective, Compute, EffectOf, Kind, Program, Receive } from '../../src/effects/effect.ts';
import type { Handlers, World } from '../../src/effects/program.ts';
import { blocked, Descend, Strand } from '../../src/effects/program.ts';
import type { Axis } from '../../src/effects/group.ts';
import { AXES } from '../../src/effects/group.ts';
import type { Purpose } from '../../src/memory/purpose.ts';
import { elementsOf, sizeOf } from '../../src/effects/tensor.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Op } from '../../src/kernels/op.ts';
import { costOf } from '../../src/kernels/op.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { BlockId, Rank } from '../../src/units/identity.ts';
import { blockId, rank } from '../../src/units/identity.ts';
import { positions } from './collective-case.ts';

/** Products of matrices, by what they are for; `again`: of them, what backward computed a second time. */
export interface Products {
  matrix: number;
  batched: number;
  flashForward: number;
  flashBackward: number;
  again: number;
}

/** What one rank did. */
export interface Tally {
  readonly products: Products;
  /** FLOPs of the same operations as `src/` prices them. */
  priced: number;
  /** Bytes now held, and the blocks that hold them. */
  readonly held: Record<Purpose, number>;
  readonly live: Map<BlockId, Purpose>;
  /** The most bytes ever held, collectives' own buffers apart. */
  peak: number;
  /** Bytes sent between stages; those of collectives are in `volume`. */
  readonly sent: Record<Axis, number>;
  /** Bytes of the wholes of all collectives, by axis: times n - 1 over n for each trip round the ring of n. */
  readonly trips: Record<Axis, number>;
}

const record = <K extends string>(keys: readonly K[]): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;

const total = (held: Tally['held']): number => PURPOSES.reduce((sum, purpose) => sum + held[purpose], 0);
const tally = (): Tally => ({
  products: { matrix: 0, batched: 0, flashForward: 0, flashBackward: 0, again: 0 },
  priced: 0,
  held: record(PURPOSES),
  live: new Map(),
  peak: 0,
  sent: record(AXES),
  trips: record(AXES),
});

/** True inside a section that computes again. */
interface Within {
  isAgain: boolean;
}

/** FLOPs of the operation's products: 2 for each multiplication with its addition. */
const countProducts = (products: Products, op: Op): number => {
  if (op.kind === 'matmul') {
    const count = 2 * op.batch * op.m * op.n * op.k;
    products[op.isAttention ? 'batched' : 'matrix'] += count;
    return count;
  }
  if (op.kind === 'grouped-matmul') {
    products.matrix += 2 * op.rows * op.n * op.k;
    return 2 * op.rows * op.n * op.k;
  }
  if (op.kind === 'flash-attention') {
    const { keyDim, valueDim } = op;
    const depth = op.pass === 'forward' ? keyDim + valueDim : 3 * keyDim + 2 * valueDim;
    const count = 2 * op.batch * op.heads * op.pairs * depth;
    products[op.pass === 'forward' ? 'flashForward' : 'flashBackward'] += count;
    return count;
  }
  return 0;
};

export class CountingWorld implements World<Within> {
  readonly handlers: Handlers<Within>;
  readonly #tallies = new Map<Rank, Tally>();
  readonly #mail = new Map<string, number[]>();
  readonly #readers = new Map<string, () => void>();
  #blocks = 0;

  constructor() {
    this.handlers = {
      compute: (strand, effect) => this.#compute(strand, effect),
      send: ({ rank: from }, { to, axis, tag, tensor }) => {
        this.tallyOf(from).sent[axis] += sizeOf(tensor);
        if (axis === 'control') return;
        const channel = `${from} ${to} ${tag}`;
        this.#mail.set(channel, [...(this.#mail.get(channel) ?? []), sizeOf(tensor)]);
        this.#readers.get(channel)?.();
      },
      receive: (strand, effect) => this.#receive(strand, effect),
      receiveAny: refuse,
      allocate: ({ rank: owner }, { size, purpose }) => {
        const id = blockId(this.#blocks++);
        const tally = this.tallyOf(owner);
        tally.held[purpose] += size;
        tally.live.set(id, purpose);
        tally.peak = Math.max(tally.peak, total(tally.held));
        return { id, size, purpose, at: null };
      },
      release: ({ rank: owner }, { block }) => {
        const { held, live } = this.tallyOf(owner);
        if (!live.delete(block.id)) throw new Error(`rank ${owner} gives up block ${block.id}, which it does not hold`);
        held[block.purpose] -= block.size;
      },
      collective: ({ rank: self }, effect) => this.#collective(self, effect),
      section: ({ state }, { term, program }) => new Descend(again(state, term === 'recompute', program())),
      mark: () => undefined,
      observe: () => 'go on',
      route: (_, { expected }) => expected,
      load: () => undefined,
      store: refuse,
      move: refuse,
      copy: refuse,
      draw: refuse,
      sleep: refuse,
      now: refuse,
    };
  }

  fork({ state }: Strand<Within>): Within {
    return { isAgain: state.isAgain };
  }
  join(): void {}
  end(): void {}

  tallyOf(of: Rank): Tally {
    const known = this.#tallies.get(of) ?? tally();
    this.#tallies.set(of, known);
    return known;
  }

  run(programs: ReadonlyMap<Rank, Program<unknown>>): void {
    const strands = [...programs].map(([self, program]) => new Strand(this, self, { isAgain: false }, program));
    for (const strand of strands) strand.resume(undefined);
    const stuck = strands.filter(({ outcome }) => outcome === null).map((strand) => strand.rank);
    if (stuck.length > 0) throw new Error(`ranks ${stuck.join(', ')} wait for ever`);
    const lost = [...this.#mail].filter(([, queue]) => queue.length > 0).map(([channel]) => channel);
    if (lost.length > 0) throw new Error(`nobody received what was sent on ${lost.join(', ')}`);
  }

  #compute({ rank: self, state }: Strand<Within>, { op }: Compute): void {
    const tally = this.tallyOf(self);
    const count = countProducts(tally.products, op);
    if (count > 0) tally.priced += costOf(op).flops;
    if (state.isAgain) tally.products.again += count;
  }

  #collective(self: Rank, { operation, group, whole, shard }: Collective): void {
    const isSplit = operation === 'all-gather' || operation === 'reduce-scatter';
    const own = elementsOf(whole) / (isSplit ? group.size : 1);
    if (Math.abs(elementsOf(shard) - own) >= 1)
      throw new Error(`rank ${self} brings ${elementsOf(shard)} elements to an ${operation}, want about ${own}`);
    const laps = operation === 'all-reduce' ? 2 : 1;
    this.tallyOf(self).trips[group.axis] += laps * elementsOf(whole) * DTYPE_BYTES[whole.dtype];
  }

  #receive(strand: Strand<Within>, { from, tag, into }: Receive): void | typeof blocked {
    const channel = `${from} ${strand.rank} ${tag}`;
    const take = (): void => {
      const size = this.#mail.get(channel)?.shift();
      if (size !== sizeOf(into)) throw new Error(`${channel} brought ${size} bytes for a place of ${sizeOf(into)}`);
    };
    if ((this.#mail.get(channel)?.length ?? 0) > 0) return take();
    this.#readers.set(channel, () => {
      this.#readers.delete(channel);
      take();
      strand.resume(undefined);
    });
    return blocked;
  }
}

/** Tallies of all ranks of the job after one step; the supervisor's reports are thrown away. */
export const countStep = (job: Job): readonly Tally[] => {
  const world = new CountingWorld();
  const ranks = positions(job.devices).map(rank);
  world.run(new Map(ranks.map((self) => [self, cast(job, self)])));
  return ranks.map((self) => world.tallyOf(self));
};

/** What all ranks multiplied in a step. */
export const productsOf = (job: Job): Products => {
  const total: Products = { matrix: 0, batched: 0, flashForward: 0, flashBackward: 0, again: 0 };
  for (const { products } of countStep(job))
    for (const kind of Object.keys(total) as (keyof Products)[]) total[kind] += products[kind];
  return total;
};

function* again(state: Within, isAgain: boolean, program: Program<unknown>): Program<unknown> {
  const outer = state.isAgain;
  state.isAgain ||= isAgain;
  const result = yield* program;
  state.isAgain = outer;
  return result;
}

const refuse = <K extends Kind>(_: Strand<Within>, effect: EffectOf<K>): AnswerTo<EffectOf<K>> => {
  throw new Error(`this world does not answer ${effect.kind}`);
};
