/** Embeddings and losses to try: parts of a vocabulary, with padding, words that are elsewhere, and learned positions. */
import fc from 'fast-check';
import { anyPositions, anySeed } from './attention-operations.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { allRowsOf, Draw, filled, results, unwritten } from './filled.ts';

const POSITIONS = 40;

export const anyEmbedding = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      at: fc.integer({ min: 1, max: 3 }).chain(anyPositions),
      pass: fc.constantFrom('forward' as const, 'backward' as const),
      hidden: fc.integer({ min: 1, max: 40 }),
      first: fc.nat(5),
      words: fc.integer({ min: 1, max: 12 }),
      positions: fc.boolean(),
      gradient: fc.constantFrom(dtype, 'fp32' as const),
      seed: anySeed,
    })
    .map(({ seed, ...shape }) => {
      const { at, hidden, words, positions, pass, gradient } = shape;
      const tokens = allRowsOf(at);
      const draw = new Draw(seed);
      const isForward = pass === 'forward';
      const rows = isForward ? unwritten(dtype, [tokens, hidden]) : draw.tensor(dtype, [tokens, hidden]);
      const format = isForward ? dtype : gradient;
      const tables = [
        draw.tensor(format, [words, hidden]),
        ...(positions ? [draw.tensor(format, [POSITIONS, hidden])] : []),
      ];
      const ids = draw.wholes([tokens], [0, 20]);
      const [inputs, outputs] = isForward ? [[ids, ...tables], [rows]] : [[ids, rows], tables];
      return { op: { kind: 'embedding', ...shape, tokens, dtype }, inputs, outputs };
    });

const anyVocabulary = fc.record({
  tokens: fc.integer({ min: 1, max: 8 }),
  first: fc.nat(9),
  words: fc.nat(60),
  padding: fc.nat(5),
  seed: anySeed,
});

export const anyCrossEntropy = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .tuple(
      anyVocabulary.filter(({ words, padding }) => words + padding > 0),
      fc.boolean(),
    )
    .map(([{ tokens, first, words, padding, seed }, isForward]) => {
      const vocabulary = words + padding;
      const draw = new Draw(seed);
      const logits = draw.tensor(dtype, [tokens, vocabulary], [-8, 8]);
      const labels = draw.wholes([tokens], [0, first + words + 4]);
      const weight = 1 / tokens;
      const forward: Trial = {
        op: { kind: 'cross-entropy', pass: 'forward', tokens, vocabulary, dtype, first, words, weight },
        inputs: [logits, labels],
        outputs: [unwritten('fp32', [tokens, vocabulary]), unwritten('fp32', [3, tokens])],
      };
      if (isForward) return forward;
      const [exponentials] = results(forward);
      return {
        op: { ...forward.op, pass: 'backward' } as Trial['op'],
        inputs: [exponentials!, draw.tensor('fp32', [tokens], [0, 1]), labels],
        outputs: [unwritten(dtype, [tokens, vocabulary])],
      };
    });

/** The label is a word of one rank; a rank may hold nothing but padding. */
export const anyTokenLoss = (): fc.Arbitrary<Trial> =>
  fc
    .record({ tokens: fc.integer({ min: 1, max: 12 }), ranks: fc.integer({ min: 1, max: 5 }), seed: anySeed })
    .map(({ tokens, ranks, seed }) => {
      const draw = new Draw(seed);
      const statistics = new Float64Array(ranks * 3 * tokens);
      const owners = draw.wholes([tokens], [0, ranks - 1]).values;
      for (let rank = 0; rank < ranks; rank++) {
        const isPadding = draw.whole(0, 4) === 0 && !owners.includes(rank);
        for (let token = 0; token < tokens; token++) {
          const most = isPadding ? -Infinity : draw.between(-5, 5);
          const label = owners[token] === rank ? most - draw.between(0, 5) : -Infinity;
          const row = (of: number): number => (rank * 3 + of) * tokens + token;
          statistics[row(0)] = most;
          statistics[row(1)] = isPadding ? 0 : draw.between(1, 50);
          statistics[row(2)] = label;
        }
      }
      const loss: Filled = draw.tensor('fp32', [1], [0, 9]);
      return {
        op: { kind: 'token-loss', tokens, ranks, self: draw.whole(0, ranks - 1) },
        inputs: [filled('fp32', [ranks, 3, tokens], statistics), loss],
        outputs: [unwritten('fp32', [tokens]), loss],
      };
    });
