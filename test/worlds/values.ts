/** A world without time: effects are answered with real values, and ready strands run in an order drawn from a seed. */
import type { AnswerTo, Compute, EffectOf, Kind, Program, Receive } from '../../src/effects/effect.ts';
import type { Handlers, World } from '../../src/effects/program.ts';
import { blocked, Descend, Strand } from '../../src/effects/program.ts';
import type { Block, Tensor } from '../../src/effects/tensor.ts';
import { elementsOf, sizeOf } from '../../src/effects/tensor.ts';
import { messageProgram } from '../../src/collectives/collective.ts';
import type { Dtype } from '../../src/kernels/dtype.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import type { BlockId, Rank } from '../../src/units/identity.ts';
import { blockId } from '../../src/units/identity.ts';
import type { Bytes } from '../../src/units/quantity.ts';
import { bytes } from '../../src/units/quantity.ts';

/** What one rank did. Peak: of what it held at once, beside what it was given before it began. */
export interface Conduct {
  sent: number;
  received: number;
  messages: number;
  held: number;
  peak: number;
}

interface Message {
  readonly tensor: Tensor;
  readonly values: Float32Array;
}
type Wakeup = () => void;

/** A block of this world: its elements stand in an array of its own, whatever their format. */
interface ValueBlock extends Block {
  readonly values: Float32Array;
}
const blockOf = (block: Omit<Block, 'at'>, values: Float32Array): ValueBlock => ({ ...block, at: null, values });
const hasValues = (block: Block | ValueBlock): block is ValueBlock => 'values' in block;

/** A tensor of these values, in a block of its own. */
export const tensorOf = (values: readonly number[], dtype: Dtype = 'fp32'): Tensor => {
  const size = bytes(values.length * DTYPE_BYTES[dtype]);
  const block = blockOf({ id: blockId(-1), size, purpose: 'workspace' }, Float32Array.from(values));
  return { shape: [values.length], dtype, block, offset: 0 };
};

/** The values behind `tensor`; writing to them writes to the block. */
export const valuesOf = ({ block, offset, ...tensor }: Tensor): Float32Array => {
  if (!hasValues(block)) throw new Error(`block ${block.id} has no values`);
  const end = offset + elementsOf({ block, offset, ...tensor });
  if (end > block.values.length)
    throw new RangeError(`block ${block.id} of ${block.values.length} elements is read up to ${end}`);
  return block.values.subarray(offset, end);
};

export class ValueWorld implements World<null> {
  readonly handlers: Handlers<null>;
  readonly #draw: () => number;
  readonly #conduct = new Map<Rank, Conduct>();
  readonly #mailboxes = new Map<string, Message[]>();
  readonly #waiting = new Map<string, Wakeup>();
  readonly #ready: Wakeup[] = [];
  readonly #live = new Set<BlockId>();
  #blocks = 0;

  /** `draw` gives numbers from 0 to 1: which of the ready strands goes next. */
  constructor(draw: () => number) {
    this.#draw = draw;
    this.handlers = this.#handlers();
  }

  fork(): null {
    return null;
  }
  join(): void {}
  end(): void {}

  /** Runs one program a rank until all have returned; what is left over or stuck is an error. */
  run(programs: ReadonlyMap<Rank, Program<void>>): void {
    const strands = [...programs].map(([rank, program]) => new Strand(this, rank, null, program));
    for (const strand of strands) this.#ready.push(() => strand.resume(undefined));
    while (this.#ready.length > 0) {
      const [wakeup] = this.#ready.splice(Math.floor(this.#draw() * this.#ready.length), 1);
      wakeup?.();
    }
    const stuck = strands.filter(({ outcome }) => outcome === null).map(({ rank }) => rank);
    if (stuck.length > 0) throw new Error(`ranks ${stuck.join(', ')} wait for ever`);
    const lost = [...this.#mailboxes].filter(([, queue]) => queue.length > 0).map(([channel]) => channel);
    if (lost.length > 0) throw new Error(`nobody received what was sent on ${lost.join(', ')}`);
    if (this.#live.size > 0) throw new Error(`blocks ${[...this.#live].join(', ')} were never released`);
  }

  conductOf(rank: Rank): Conduct {
    const conduct = this.#conduct.get(rank) ?? { sent: 0, received: 0, messages: 0, held: 0, peak: 0 };
    this.#conduct.set(rank, conduct);
    return conduct;
  }

  #handlers(): Handlers<null> {
    return {
      compute: (_, effect) => computeValues(effect),
      send: (strand, { to, axis, tag, tensor }) => {
        const conduct = this.conductOf(strand.rank);
        conduct.sent += sizeOf(tensor);
        conduct.messages++;
        const channel = channelOf({ from: strand.rank, to, axis, tag });
        this.#mailbox(channel).push({ tensor, values: valuesOf(tensor).slice() });
        this.#wake(channel);
      },
      receive: (strand, effect) => this.#receive(strand, effect),
      allocate: (strand, { size, purpose }) => {
        const conduct = this.conductOf(strand.rank);
        conduct.held += size;
        conduct.peak = Math.max(conduct.peak, conduct.held);
        return this.#block(size, purpose);
      },
      release: (strand, { block }) => {
        if (!this.#live.delete(block.id)) throw new Error(`block ${block.id} is not held, and cannot be released`);
        this.conductOf(strand.rank).held -= block.size;
      },
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

  #receive(strand: Strand<null>, { from, axis, tag, into }: Receive): typeof blocked {
    const channel = channelOf({ from, to: strand.rank, axis, tag });
    if (this.#waiting.has(channel)) throw new Error(`two strands wait for one message on ${channel}`);
    this.#waiting.set(channel, () => {
      const message = this.#mailbox(channel).shift();
      if (message === undefined) throw new Error(`woken on ${channel} for nothing`);
      deliver(message, into);
      this.conductOf(strand.rank).received += sizeOf(into);
      strand.resume(undefined);
    });
    this.#wake(channel);
    return blocked;
  }

  /** Lets the receiver of `channel` go on if there is one, and a message for it. */
  #wake(channel: string): void {
    const wakeup = this.#waiting.get(channel);
    if (wakeup === undefined || this.#mailbox(channel).length === 0) return;
    this.#waiting.delete(channel);
    this.#ready.push(wakeup);
  }

  #mailbox(channel: string): Message[] {
    const queue = this.#mailboxes.get(channel) ?? [];
    this.#mailboxes.set(channel, queue);
    return queue;
  }

  #block(size: Bytes, purpose: Block['purpose']): Block {
    const id = blockId(this.#blocks++);
    this.#live.add(id);
    // NaN, so that what nobody has written spoils every sum it enters. As many elements as the narrowest format fits.
    return blockOf({ id, size, purpose }, new Float32Array(Math.ceil(size)).fill(Number.NaN));
  }
}

const channelOf = ({ from, to, axis, tag }: { from: Rank; to: Rank; axis: string; tag: number }): string =>
  `${axis}: ${from} -> ${to}, tag ${tag}`;

/** A message in flight may lie in the sender's memory, so nobody may have written there meanwhile. */
const deliver = ({ tensor, values }: Message, into: Tensor): void => {
  const present = valuesOf(tensor);
  if (values.some((value, index) => !Object.is(value, present[index]))) throw new Error('a message changed on its way');
  const target = valuesOf(into);
  if (target.length !== values.length)
    throw new Error(`a message of ${values.length} elements for a place of ${target.length}`);
  target.set(values);
};

/** The output becomes the sum of the inputs: a copy when there is one. */
const computeValues = ({ op, inputs, outputs }: Compute): void => {
  const [output] = outputs;
  if (op.kind !== 'accumulate' || output === undefined) throw new Error(`this world cannot compute ${op.kind}`);
  const [first, second] = inputs;
  if (second === undefined && first?.block === output.block && first.offset === output.offset)
    throw new Error('a copy of a tensor to itself is no work');
  const terms = inputs.map(valuesOf);
  const sum = valuesOf(output);
  for (const term of terms)
    if (term.length !== op.elements || sum.length !== op.elements)
      throw new Error(`${term.length} and ${sum.length} elements for an accumulation of ${op.elements}`);
  const totals = Float32Array.from(sum, (_, index) => terms.reduce((total, term) => total + (term[index] ?? 0), 0));
  sum.set(totals);
};

const refuse = <K extends Kind>(_: Strand<null>, effect: EffectOf<K>): AnswerTo<EffectOf<K>> => {
  throw new Error(`this world does not answer ${effect.kind}`);
};
