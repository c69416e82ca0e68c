/** The values that a model begins with: each a function of seed, tensor and place in the whole, whatever the layout. */
import { createHash } from 'node:crypto';
import type { ShareRun } from '../../effects/share.ts';
import type { PhiloxKey } from './philox.ts';
import { philox } from './philox.ts';
import { rangesOf } from './ranges.ts';

/** Numbers drawn from one counter. */
const GROUP = 4;
const WORD = 2 ** 32;

/**
 * Fills `into`, as long as the run; padding is zero. Element e of a tensor is number e mod 4 of counter floor(e / 4), under
 * a key that is the first eight bytes of the SHA-256 of seed and name. Two uniform numbers u and v make two normal ones,
 * sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v) (Box and Muller 1958), and are never 0: no value lies
 * further from 0 than 6.8 deviations.
 */
export const initialise = (run: ShareRun, seed: number, into: Float32Array): void => {
  const { name, initial } = run.share;
  if (into.length !== run.length) throw new RangeError(`${name}: ${into.length} places for ${run.length} elements`);
  into.fill(0);
  const key = keyOf(seed, name);
  for (const { local, whole, length } of rangesOf(run)) {
    const part = into.subarray(local, local + length);
    if (initial.kind === 'constant') part.fill(initial.value);
    else drawInto(part, { key, first: whole, deviation: initial.deviation });
  }
};

const keyOf = (seed: number, name: string): PhiloxKey => {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, name]))
    .digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
};

const drawInto = (
  part: Float32Array,
  { key, first, deviation }: { readonly key: PhiloxKey; readonly first: number; readonly deviation: number },
): void => {
  const words = new Uint32Array(GROUP);
  const normals = new Float64Array(GROUP);
  for (let at = 0; at < part.length;) {
    const element = first + at;
    drawGroup(Math.floor(element / GROUP), { key, words, normals });
    const skipped = element % GROUP;
    const count = Math.min(GROUP - skipped, part.length - at);
    for (let i = 0; i < count; i += 1) part[at + i] = normals[skipped + i]! * deviation;
    at += count;
  }
};

const drawGroup = (
  group: number,
  { key, words, normals }: { readonly key: PhiloxKey; readonly words: Uint32Array; readonly normals: Float64Array },
): void => {
  philox(words, key, [group % WORD, Math.floor(group / WORD), 0, 0]);
  for (let i = 0; i < GROUP; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((words[i]! + 0.5) / WORD));
    const angle = (2 * Math.PI * (words[i + 1]! + 0.5)) / WORD;
    normals[i] = radius * Math.cos(angle);
    normals[i + 1] = radius * Math.sin(angle);
  }
};
