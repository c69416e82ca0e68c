/** What the laws of collectives are for: the algorithms that are shipped, and those of `examples/`. */
import * as shipped from '../../src/collectives/collective.ts';
import type { CollectiveShape } from '../../src/collectives/collective.ts';
import type { Links } from '../../src/collectives/link-rate.ts';
import type { Method } from '../../src/collectives/method.ts';
import { collective } from '../../src/effects/ask.ts';
import type { Algorithm, Combination, Operation, Program } from '../../src/effects/effect.ts';
import type { Rank } from '../../src/units/identity.ts';
import type { Bytes, Seconds } from '../../src/units/quantity.ts';
import { starAllReduce } from '../../examples/star-all-reduce.ts';

interface ExampleCollective {
  readonly operation: Operation;
  readonly method: Method;
  /** Messages that the member at `position` sends, of `size`. */
  readonly messages: (size: number, position: number) => number;
}
/** A collective of one's own is checked once it stands here. */
const EXAMPLES = {
  star: {
    operation: 'all-reduce',
    method: starAllReduce,
    messages: (size, position) => (position === 0 ? size - 1 : 1),
  },
} as const satisfies Readonly<Record<string, ExampleCollective>>;

/** By its name, so that a case is plain data, which threads can be told. */
interface Example {
  readonly kind: 'example';
  readonly name: keyof typeof EXAMPLES;
}
export type TriedAlgorithm = Algorithm | Example;
type TriedShape = Omit<CollectiveShape, 'algorithm'> & { readonly algorithm: TriedAlgorithm };

export const examplesFor = (operation: Operation): Example[] =>
  (Object.keys(EXAMPLES) as Example['name'][])
    .filter((name) => EXAMPLES[name].operation === operation)
    .map((name) => ({ kind: 'example', name }));

export const exampleMessages = ({ name }: Example, size: number, position: number): number =>
  EXAMPLES[name].messages(size, position);

/** What rank `self` does. */
export const combine = (algorithm: TriedAlgorithm, asked: Combination, self: Rank): Program<void> =>
  algorithm.kind === 'example'
    ? EXAMPLES[algorithm.name].method.program(asked, self)
    : collective({ ...asked, algorithm });

/** The messages that it is made of, one by one. */
export const messageProgram = (algorithm: TriedAlgorithm, asked: Combination, self: Rank): Program<void> =>
  algorithm.kind === 'example'
    ? EXAMPLES[algorithm.name].method.program(asked, self)
    : shipped.messageProgram({ kind: 'collective', ...asked, algorithm }, self);

export const collectiveTime = ({ algorithm, ...asked }: TriedShape, links: Links): Seconds =>
  algorithm.kind === 'example'
    ? EXAMPLES[algorithm.name].method.time(asked, links)
    : shipped.collectiveTime({ ...asked, algorithm }, links);

export const sentBytes = ({ algorithm, ...asked }: TriedShape, position: number): Bytes =>
  algorithm.kind === 'example'
    ? EXAMPLES[algorithm.name].method.sentBytes(asked, position)
    : shipped.sentBytes({ ...asked, algorithm }, position);

export const scratchBytes = ({ algorithm, ...asked }: TriedShape): Bytes =>
  algorithm.kind === 'example'
    ? EXAMPLES[algorithm.name].method.scratchBytes(asked)
    : shipped.scratchBytes({ ...asked, algorithm });
