/** Collectives to try: every algorithm that a group allows, the tensors its members bring, and what they must end with. */
import fc from 'fast-check';
import type { CollectiveShape } from '../../src/collectives/collective.ts';
import { relativesIn } from '../../src/collectives/double-tree.ts';
import type { GroupShape } from '../../src/collectives/group-shape.ts';
import type { Algorithm, Operation, Program } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import type { Group } from '../../src/effects/group.ts';
import { member } from '../../src/effects/group.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { elementsOf, part, segmentOf } from '../../src/effects/tensor.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import type { TriedAlgorithm } from './collective-methods.ts';
import { combine, exampleMessages, examplesFor } from './collective-methods.ts';

/** A collective to run: its shape, where its ranks are, and whether each shard is a view of the whole. */
export interface CollectiveCase<Tried extends TriedAlgorithm = TriedAlgorithm> extends Omit<
  CollectiveShape,
  'algorithm'
> {
  readonly algorithm: Tried;
  readonly ranks: Group;
  readonly inPlace: boolean;
}

/** Those that a ring does. */
export const RING_OPERATIONS = ['all-reduce', 'all-gather', 'reduce-scatter'] as const;

export const positions = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
export const divisorsOf = (count: number): number[] =>
  positions(count + 1).filter((divisor) => divisor > 0 && count % divisor === 0);

/** Every shipped algorithm that does `operation` on a group with nodes of `domain` ranks, in one or more of these numbers of pieces. */
export const algorithmsOn = (operation: Operation, group: GroupShape, segments: readonly number[]): Algorithm[] => {
  const { size, domain } = group;
  if (operation === 'shift') return [{ kind: 'direct' }];
  if (operation === 'all-to-all') return [{ kind: 'direct' }, { kind: 'hierarchical', domain, segments: 1 }];
  const treeDomains = domain === size && size > 1 ? [1, size] : [domain];
  return [
    { kind: 'ring' },
    ...(Number.isInteger(Math.log2(size)) ? [{ kind: 'halving-doubling' } as const] : []),
    ...segments.map((count): Algorithm => ({ kind: 'hierarchical', domain, segments: count })),
    ...(operation === 'all-reduce' ? treeDomains : []).flatMap((nodes) =>
      segments.map((count): Algorithm => ({ kind: 'tree', domain: nodes, segments: count })),
    ),
  ];
};

/** Every algorithm for `operation`, shipped or of `examples/`, with every way to make nodes of the group, with messages whole and in a few pieces. */
export const algorithmsOf = (operation: Operation, size: number): TriedAlgorithm[] => {
  const all = divisorsOf(size).flatMap((domain) => algorithmsOn(operation, { size, domain }, [1, 2, 3]));
  const shipped = new Map(all.map((algorithm) => [JSON.stringify(algorithm), algorithm]));
  return [...shipped.values(), ...examplesFor(operation)];
};

/** A case on neighbouring ranks from 0, all on one domain unless the algorithm has nodes. */
export const plainCase = <Tried extends TriedAlgorithm>(
  operation: Operation,
  algorithm: Tried,
  { size, elements }: { size: number; elements: number },
): CollectiveCase<Tried> => ({
  operation,
  algorithm,
  group: { size, domain: algorithm.kind === 'hierarchical' || algorithm.kind === 'tree' ? algorithm.domain : size },
  elements,
  dtype: 'fp32',
  ranks: { axis: 'dp', first: rank(0), stride: 1, size },
  inPlace: false,
});

/** Every operation by every algorithm on every even fabric of up to `sizeMax` ranks. */
export const casesOf = (sizeMax: number, elementsOf: (size: number) => number): CollectiveCase[] =>
  positions(sizeMax + 1)
    .slice(1)
    .flatMap((size) =>
      divisorsOf(size).flatMap((domain) =>
        OPERATIONS.flatMap((operation) =>
          [...algorithmsOn(operation, { size, domain }, [1, 2, 4]), ...examplesFor(operation)].map((algorithm) => ({
            ...plainCase(operation, algorithm, { size, elements: elementsOf(size) }),
            group: { size, domain },
          })),
        ),
      ),
    );
export const anyCaseOf = (sizeMax: number): fc.Arbitrary<CollectiveCase> =>
  fc.constantFrom(...casesOf(sizeMax, (size) => size));

const anySizeAndOperation = fc.record({
  size: fc.integer({ min: 1, max: 16 }),
  operation: fc.constantFrom(...OPERATIONS),
});
export const anyCase: fc.Arbitrary<CollectiveCase> = anySizeAndOperation.chain(({ size, operation }) =>
  fc
    .record({
      operation: fc.constant(operation),
      algorithm: fc.constantFrom(...algorithmsOf(operation, size)),
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
      combine(algorithm, { operation, group: ranks, ...bringOf(position) }, member(ranks, position)),
    ]),
  );

/** True if the operation's shard is one segment of the whole. */
const isSegmentwise = (operation: Operation): boolean => operation === 'all-gather' || operation === 'reduce-scatter';

/** The shard that the member at `position` must bring for `whole`: a view of it, or one of its size from `elsewhere`. */
export const shardOf = (
  { operation, ranks, inPlace }: CollectiveCase,
  { position, whole, elsewhere }: { position: number; whole: Tensor; elsewhere: Tensor },
): Tensor => {
  if (operation === 'all-reduce') return whole;
  if (!isSegmentwise(operation)) return elsewhere;
  const segment = segmentOf(whole, ranks.size, position);
  return inPlace ? segment : part(elsewhere, 0, elementsOf(segment));
};

/** Messages that the rank at `position` sends. */
export const messageCount = (
  { operation, algorithm, group }: Pick<CollectiveCase, 'operation' | 'algorithm' | 'group'>,
  position: number,
): number => {
  const { size } = group;
  const laps = operation === 'all-reduce' ? 2 : 1;
  switch (algorithm.kind) {
    case 'ring':
      return laps * (size - 1);
    case 'halving-doubling':
      return (operation === 'all-gather' ? 0 : size - 1) + (operation === 'reduce-scatter' ? 0 : Math.log2(size));
    case 'example':
      return exampleMessages(algorithm, size, position);
    case 'direct':
      return operation === 'shift' ? Math.min(1, size - 1) : size - 1;
    case 'hierarchical': {
      const [domain, nodes] = [algorithm.domain, size / algorithm.domain];
      return laps * algorithm.segments * (nodes * (domain - 1) + nodes - 1);
    }
    case 'tree': {
      const { domain, segments } = algorithm;
      const relatives = ([0, 1] as const).flatMap((tree) => {
        const { parent, children } = relativesIn(tree, size / domain, Math.floor(position / domain));
        return parent === null ? children : [parent, ...children];
      });
      return 2 * (domain - 1) * 2 * segments + segments * relatives.length;
    }
    default:
      return algorithm satisfies never;
  }
};
