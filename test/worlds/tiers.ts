/** A world that only knows where blocks are: it stops a lone rank's program that computes on what is not on the card. */
import { cast } from '../../src/actors/cast.ts';
import type { AnswerTo, EffectOf, Kind } from '../../src/effects/effect.ts';
import type { Handlers, World } from '../../src/effects/program.ts';
import { Descend, Strand } from '../../src/effects/program.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { isOnHost } from '../../src/kernels/op.ts';
import type { Tier } from '../../src/memory/tier.ts';
import { TIERS } from '../../src/memory/tier.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { BlockId } from '../../src/units/identity.ts';
import { blockId, rank } from '../../src/units/identity.ts';

/** Blocks on their way in this strand: they are where they go only when somebody has waited for it. */
interface Way {
  readonly arriving: [BlockId, Tier][];
}

class TierWorld implements World<Way> {
  /** Null while a block is on its way. */
  readonly places = new Map<BlockId, Tier | null>();
  readonly copied: Record<Tier, number> = { hbm: 0, dram: 0 };
  #blocks = 0;

  readonly handlers: Handlers<Way> = {
    // The host's processors work on states where they are; of gradients and weights it has copies.
    compute: (_, { op, inputs, outputs }) => {
      this.#expectOn(isOnHost(op) ? TIERS : ['hbm'], op.kind, [...inputs, ...outputs]);
    },
    send: (_, { tensor }) => this.#expectOn(['hbm'], 'send', [tensor]),
    receive: refuse,
    receiveAny: refuse,
    allocate: (_, { size, purpose, tier }) => {
      const id = blockId(this.#blocks++);
      this.places.set(id, tier);
      return { id, size, purpose, at: null };
    },
    release: (_, { block }) => {
      if (this.places.get(block.id) !== 'hbm') throw new Error(`block ${block.id} is given up, but not on the card`);
      this.places.delete(block.id);
    },
    load: (_, { into, source }) => this.#expectOn(source.kind === 'states' ? TIERS : ['hbm'], 'load', [into]),
    store: refuse,
    move: ({ state }, { block, to }) => {
      const from = this.places.get(block.id);
      if (from !== (to === 'dram' ? 'hbm' : 'dram')) throw new Error(`block ${block.id} goes to ${to} from ${from}`);
      this.places.set(block.id, null);
      state.arriving.push([block.id, to]);
      this.copied[to] += block.size;
    },
    copy: (_, { size, to }) => {
      this.copied[to] += size;
    },
    draw: refuse,
    sleep: refuse,
    now: refuse,
    mark: () => undefined,
    observe: () => 'go on',
    route: (_, { expected }) => expected,
    collective: (_, { operation, whole, shard }) => this.#expectOn(['hbm'], operation, [whole, shard]),
    section: (_, { program }) => new Descend(program()),
  };

  fork(): Way {
    return { arriving: [] };
  }
  join(_: Strand<Way>, { state }: Strand<Way>): void {
    for (const [id, tier] of state.arriving.splice(0)) this.places.set(id, tier);
  }
  end(): void {}

  #expectOn(tiers: readonly Tier[], what: string, tensors: readonly Tensor[]): void {
    for (const { block } of tensors) {
      const place = this.places.get(block.id) ?? null;
      if (place === null || !tiers.includes(place))
        throw new Error(`${what} on block ${block.id}, which is on ${place}`);
    }
  }
}

const refuse = <K extends Kind>(_: Strand<Way>, effect: EffectOf<K>): AnswerTo<EffectOf<K>> => {
  throw new Error(`this world does not answer ${effect.kind}`);
};

/** Runs a step of a job of one rank: the bytes it copied, and the blocks that are left on either side. */
export const stepOnTiers = (
  job: Job,
): { readonly copied: Record<Tier, number>; readonly left: Record<Tier, number> } => {
  const world = new TierWorld();
  const strand = new Strand(world, rank(0), { arriving: [] }, cast(job, rank(0)));
  strand.resume(undefined);
  if (strand.outcome === null) throw new Error('a rank alone waits');
  const places = [...world.places.values()];
  const leftOn = (tier: Tier): number => places.filter((place) => place === tier).length;
  if (places.includes(null)) throw new Error('somebody has not waited for a block');
  return { copied: world.copied, left: { hbm: leftOn('hbm'), dram: leftOn('dram') } };
};
