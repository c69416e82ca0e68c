/** A world of time without values: messages occupy lanes and take their time on an idle, even fabric of two link classes. */
import { messageProgram } from '../../src/collectives/collective.ts';
import type { LinkRate, Links } from '../../src/collectives/link-rate.ts';
import type { AnswerTo, EffectOf, Kind, Program } from '../../src/effects/effect.ts';
import type { Handlers, World } from '../../src/effects/program.ts';
import { blocked, Descend, Strand } from '../../src/effects/program.ts';
import { sizeOf } from '../../src/effects/tensor.ts';
import type { Rank } from '../../src/units/identity.ts';
import { blockId } from '../../src/units/identity.ts';
import type { Instant } from '../../src/units/quantity.ts';
import { instantZero, later, latest, transferTime } from '../../src/units/quantity.ts';

interface Event {
  readonly at: Instant;
  readonly action: () => void;
}

/** Every `domain` ranks in a row share the scale-up links. A rank pushes one message at a time over each link class. */
export interface Fabric {
  readonly links: Links;
  readonly domain: number;
}

/** Runs one program a rank from instant zero, and returns the instant at which the last is done. */
export const timePrograms = (fabric: Fabric, programs: ReadonlyMap<Rank, Program<void>>): Instant =>
  new TimedWorld(fabric).run(programs);

class TimedWorld implements World<null> {
  readonly handlers: Handlers<null>;
  readonly #fabric: Fabric;
  readonly #agenda: Event[] = [];
  readonly #laneFree = new Map<string, Instant>();
  readonly #arrived = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();
  #now: Instant = instantZero;
  #blocks = 0;

  constructor(fabric: Fabric) {
    this.#fabric = fabric;
    this.handlers = {
      compute: () => undefined,
      send: (strand, effect) => this.#send(strand.rank, effect),
      receive: (strand, effect) => this.#receive(strand, effect),
      allocate: (_, { size, purpose }) => ({ id: blockId(this.#blocks++), size, purpose, at: null }),
      release: () => undefined,
      collective: (strand, effect) => new Descend(messageProgram(effect, strand.rank)),
      section: (_, { program }) => new Descend(program()),
      mark: () => undefined,
      observe: () => 'go on',
      route: (_, { expected }) => expected,
      receiveAny: refuse,
      load: refuse,
      store: refuse,
      move: refuse,
      copy: refuse,
      draw: refuse,
      sleep: refuse,
      now: refuse,
    };
  }

  fork(): null {
    return null;
  }
  join(): void {}
  end(): void {}

  run(programs: ReadonlyMap<Rank, Program<void>>): Instant {
    const strands = [...programs].map(([rank, program]) => new Strand(this, rank, null, program));
    for (const strand of strands) this.#at(instantZero, () => strand.resume(undefined));
    for (let event = this.#agenda.shift(); event !== undefined; event = this.#agenda.shift()) {
      this.#now = event.at;
      event.action();
    }
    if (strands.some(({ outcome }) => outcome === null)) throw new Error('some ranks wait for ever');
    return this.#now;
  }

  #send(from: Rank, { to, axis, tag, tensor }: EffectOf<'send'>): void {
    const { name, rate } = this.#linkBetween(from, to);
    const lane = `${from} ${axis} ${name}`;
    const start = latest(this.#now, this.#laneFree.get(lane) ?? instantZero);
    const pushed = later(start, transferTime(sizeOf(tensor), rate.bandwidth));
    this.#laneFree.set(lane, pushed);
    const channel = `${from} ${to} ${axis} ${tag}`;
    this.#at(later(pushed, rate.latency), () => {
      this.#arrived.set(channel, (this.#arrived.get(channel) ?? 0) + 1);
      this.#hand(channel);
    });
  }

  #receive(strand: Strand<null>, { from, axis, tag }: EffectOf<'receive'>): typeof blocked {
    const channel = `${from} ${strand.rank} ${axis} ${tag}`;
    if (this.#waiting.has(channel)) throw new Error(`two strands wait for one message on ${channel}`);
    this.#waiting.set(channel, () => strand.resume(undefined));
    this.#hand(channel);
    return blocked;
  }

  #hand(channel: string): void {
    const resume = this.#waiting.get(channel);
    const count = this.#arrived.get(channel) ?? 0;
    if (resume === undefined || count === 0) return;
    this.#waiting.delete(channel);
    this.#arrived.set(channel, count - 1);
    this.#at(this.#now, resume);
  }

  /** Keeps the agenda in order of time, and within an instant in order of entry. */
  #at(at: Instant, action: () => void): void {
    const place = this.#agenda.findLastIndex((event) => event.at <= at) + 1;
    this.#agenda.splice(place, 0, { at, action });
  }

  #linkBetween(from: Rank, to: Rank): { name: keyof Links; rate: LinkRate } {
    const { links, domain } = this.#fabric;
    const name = Math.floor(from / domain) === Math.floor(to / domain) ? 'scaleUp' : 'nic';
    return { name, rate: links[name] };
  }
}

const refuse = <K extends Kind>(_: Strand<null>, effect: EffectOf<K>): AnswerTo<EffectOf<K>> => {
  throw new Error(`this world does not answer ${effect.kind}`);
};
