/**
 * Tokens a second of GPTs that train, ours beside PyTorch's: the same model, batch and cores, AdamW, forward, backward and
 * step. Ours in bf16 keeps masters, moments and gradients in fp32; PyTorch's once as `autocast` does it (weights in fp32,
 * products in bf16) and once all in bf16 with masters in fp32. `CLOCK=processor` counts the processor's seconds instead of
 * the clock's, which on a busy machine are the ones to compare on one core; `SHAPES=4x256`, `PRECISIONS=fp32` and `CORES=1`
 * take a part.
 */
import process from 'node:process';
import { hasPyTorch, PyTorch } from './pytorch.mjs';
import { trainOurs } from './trained.mjs';

const STEPS = 4;
const SHAPES = {
  '4x256': { layers: 4, hidden: 256, heads: 8, sequence: 128, batch: 8, vocabulary: 4096 },
  '6x384': { layers: 6, hidden: 384, heads: 6, sequence: 256, batch: 8, vocabulary: 4096 },
};
/** How the batch, or every matrix, is split over so many cores; the first is what we would take. */
const LAYOUTS = {
  1: { '1 rank': { dp: 1, tp: 1 } },
  2: { 'dp 2': { dp: 2, tp: 1 }, 'tp 2': { dp: 1, tp: 2 } },
};
const THEIRS = { fp32: ['fp32'], bf16: ['autocast', 'bf16'] };

const countsProcessor = process.env.CLOCK === 'processor';
const isCompared = hasPyTorch();

/** The best step counts: noise only ever adds time. Of the processor's seconds only the mean of all is known. */
const roundOf = ({ batch, sequence }, { seconds, cores }) => {
  const mean = seconds.reduce((sum, each) => sum + each, 0) / seconds.length;
  const best = countsProcessor ? mean * cores : Math.min(...seconds);
  return { items: batch * sequence, nanoseconds: best * 1e9 };
};

const printShares = async (title, ours) => {
  const { shares } = await trainOurs(ours, STEPS, { isTraced: true });
  const parts = Object.entries(shares).map(([name, share]) => `${name} ${(100 * share).toFixed(1)}%`);
  console.log(`${title}: ${parts.join(', ')}`);
};

const benchOf = (name, precision, threads) => {
  const shape = SHAPES[name];
  const subject = `train ${name} ${precision}, ${threads} core${threads === 1 ? '' : 's'}${countsProcessor ? ', processor' : ''}`;
  const peers = isCompared
    ? THEIRS[precision].map((form) => [`PyTorch ${form}`, new PyTorch({ ...shape, threads, precision: form })])
    : [];
  const theirs = peers.map(([title, peer]) => [title, async () => roundOf(shape, await peer.train(STEPS))]);
  const choices = ['native', 'wasm'].flatMap((kernels) =>
    Object.entries(LAYOUTS[threads]).map(([layout, split]) => [
      `${kernels}, ${layout}`,
      { ...shape, ...split, precision, kernels },
    ]),
  );
  const ours = choices.map(([title, each]) => [title, async () => roundOf(shape, await trainOurs(each, STEPS))]);
  return {
    subject,
    item: 'token',
    figure: 'rate',
    rounds: 3,
    cases: Object.fromEntries([...theirs, ...ours]),
    end: async () => {
      for (const [, peer] of peers) peer.end();
      for (const [title, each] of choices) await printShares(`${subject}: ${title}`, each);
    },
  };
};

const chosen = (variable, all) => process.env[variable]?.split(',') ?? all;
export const bench = chosen('SHAPES', Object.keys(SHAPES)).flatMap((name) =>
  chosen('PRECISIONS', Object.keys(THEIRS)).flatMap((precision) =>
    chosen('CORES', Object.keys(LAYOUTS)).map((cores) => benchOf(name, precision, Number(cores))),
  ),
);
