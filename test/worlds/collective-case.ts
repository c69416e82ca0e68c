/** Collectives to try: every algorithm that a group allows, the tensors its members bring, and what they must end with. */
import fc from 'fast-check';
import type { CollectiveShape } from '../../src/collectives/collective.ts';
import { collective } from '../../src/effects/ask.ts';
import type { Algorithm, Operation, Program } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import type { Group } from '../../src/effects/group.ts';
import { member } from '../../src/effects/group.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { elementsOf, part, segmentOf } from '../../src/effects/tensor.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';

/** A collective to run: its shape, where its ranks are, and whether each shard is a view of the whole. */
export interface CollectiveCase extends CollectiveShape {
  readonly ranks: Group;
  readonly inPlace: boolean;
}

export const positions = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
export const divisorsOf = (count: number): number[] =>
  positions(count + 1).filter((divisor) => divisor > 0 && count % divisor === 0);

/** The ring, and every way to make nodes of the group, with messages whole and in a few pieces. */
export const algorithmsOf = (size: number): Algorithm[] => [
  { kind: 'ring' },
  ...divisorsOf(size).flatMap((domain) =>
    [1, 2, 3].map((segments): Algorithm => ({ kind: 'hierarchical', domain, segments })),
  ),
];

/** A case on neighbouring ranks from 0, all on one domain unless the algorithm has nodes. */
export const plainCase = (
  operation: Operation,
  algorithm: Algorithm,
  { size, elements }: { size: number; elements: number },
): CollectiveCase => ({
  operation,
  algorithm,
  group: { size, domain: algorithm.kind === 'hierarchical' ? algorithm.domain : size },
  elements,
  dtype: 'fp32',
  ranks: { axis: 'dp', first: rank(0), stride: 1, size },
  inPlace: false,
});

export const anyCase: fc.Arbitrary<CollectiveCase> = fc.integer({ min: 1, max: 16 }).chain((size) =>
  fc
    .record({
      operation: fc.constantFrom(...OPERATIONS),
      algorithm: fc.constantFrom(...algorithmsOf(size)),
      elements: fc.oneof(fc.nat(20), fc.nat(300)),
      dtype: fc.constantFrom('fp32' as const, 'bf16' as const, 'fp8' as const),
      first: fc.nat(5),
      stride: fc.integer({ min: 1, max: 9 }),
      inPlace: fc.boolean(),
    })
    .map(({ first, stride, ...drawn }) => ({
      ...plainCase(drawn.operation, drawn.algorithm, { size, elements: drawn.elements }),
      ...drawn,
      ranks: { axis: 'tp' as const, first: rank(first), stride, size },
    })),
);

/** Runs the collective on one rank: with these as whole and shard. */
export interface Bring {
  readonly whole: Tensor;
  readonly shard: Tensor;
}
export const programsOf = (
  { operation, algorithm, ranks }: CollectiveCase,
  bringOf: (position: number) => Bring,
): Map<Rank, Program<void>> =>
  new Map(
    positions(ranks.size).map((position) => [
      member(ranks, position),
      collective({ operation, algorithm, group: ranks, ...bringOf(position) }),
    ]),
  );

/** The shard that the member at `position` must bring for `whole`: a view of it, or one of its size from `elsewhere`. */
export const shardOf = (
  { operation, ranks, inPlace }: CollectiveCase,
  { position, whole, elsewhere }: { position: number; whole: Tensor; elsewhere: Tensor },
): Tensor => {
  if (operation === 'all-reduce') return whole;
  const segment = segmentOf(whole, ranks.size, position);
  return inPlace ? segment : part(elsewhere, 0, elementsOf(segment));
};

/** Messages that each rank sends. */
export const messageCount = ({ operation, algorithm, group }: CollectiveShape): number => {
  const laps = operation === 'all-reduce' ? 2 : 1;
  if (algorithm.kind === 'ring') return laps * (group.size - 1);
  const nodes = group.size / algorithm.domain;
  return laps * algorithm.segments * (nodes * (algorithm.domain - 1) + nodes - 1);
};
