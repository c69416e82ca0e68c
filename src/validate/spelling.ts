/** How sources spell precision and schedule, and what each spelling means here. */
import type { Precision, ScheduleName } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { habitsOf } from './framework.ts';
import type { Row } from './row.ts';

/** Null for a spelling that no table has: the row is then refused, not guessed at. */
export const precisionOf = (row: Row): Filled<Precision> | null => {
  const precision = row.precision?.toLowerCase() ?? null;
  if (precision === null) return assume('bf16', 'precision bf16: not stated');
  if (precision === 'fp8') {
    const recipe = habitsOf(row).fp8;
    return assume(recipe, `precision ${recipe}: the row says fp8 without a recipe`);
  }
  const found = PRECISIONS.find(([pattern]) => pattern.test(precision));
  if (found === undefined) return null;
  const [, value, isExact] = found;
  return isExact ? stated(value) : assume(value, `precision ${value}: stands for ${precision}`);
};

const PRECISIONS: readonly (readonly [pattern: RegExp, precision: Precision, isExact: boolean])[] = [
  [/^(fp32|tf32)$/, 'fp32', true],
  [/^bf16$/, 'bf16', true],
  [/^bf16\b/, 'bf16', false],
  [/^fp16$/, 'fp16', true],
  [/^fp8-(cs|current|tensorwise)$/, 'fp8-current', true],
  [/^fp8-rowwise$/, 'fp8-current', false],
  [/^fp8-(te|delayed|ds)$/, 'fp8-delayed', true],
  [/^fp8-msamp$/, 'fp8-delayed', false],
  [/^fp8-(block|sub)/, 'fp8-block', true],
  [/^(mxfp8|fp8-mx)$/, 'mxfp8', true],
  [/^mxfp8\b/, 'mxfp8', false],
  [/^nvfp4$/, 'nvfp4', true],
];

export interface Pipelining {
  readonly schedule: ScheduleName;
  readonly vp: number;
}

/** Null for a schedule that no table has. */
export const pipeliningOf = ({ schedule, vp, pp }: Row): Filled<Pipelining> | null => {
  if (schedule === null)
    return vp === null && pp !== 1 ? assume(PLAIN, 'vp 1: not stated') : stated(interleavedOr(PLAIN, vp));
  const chunks = Number(/vpp(\d+)/.exec(schedule)?.[1] ?? vp ?? 0);
  return SCHEDULES.find(([pattern]) => pattern.test(schedule))?.[1](schedule, chunks) ?? null;
};

const PLAIN: Pipelining = { schedule: '1f1b', vp: 1 };
const H1: Pipelining = { schedule: 'zb-h1', vp: 1 };
const V: Pipelining = { schedule: 'zb-v', vp: 2 };

/** More than one model chunk a rank is interleaved. */
const interleavedOr = (otherwise: Pipelining, chunks: number | null): Pipelining =>
  chunks !== null && chunks > 1 ? { schedule: 'interleaved', vp: chunks } : otherwise;

/** `chunks` is 0 where the row does not say how many. */
type Named = (schedule: string, chunks: number) => Filled<Pipelining>;
const SCHEDULES: readonly (readonly [pattern: RegExp, meaning: Named])[] = [
  [/^(none|1f1b|non-interleaved-1f1b)$/, (_, chunks) => stated(interleavedOr(PLAIN, chunks))],
  [/^gpipe$/, () => stated({ schedule: 'gpipe', vp: 1 })],
  [
    /interleaved/,
    (_, chunks) =>
      chunks === 0
        ? assume({ schedule: 'interleaved', vp: 2 }, 'vp 2: interleaved, chunks not stated')
        : stated(interleavedOr(PLAIN, chunks)),
  ],
  [/^(zb-1p|zb-h1)$/, () => stated(H1)],
  // ZB-H2 keeps twice the activations of ZB-H1 for the bubble that is left of it.
  [/^(zb-2p|zb-h2|zero-bubble|zbb)\b/, (schedule) => assume(H1, `schedule zb-h1: stands for ${schedule}`)],
  [/^(zbv|zb-v)$/, () => stated(V)],
  // Their V is run in an order that keeps less and waits longer (Qi et al. 2024, arXiv 2405.15362).
  [/^(v-half|v-min)$/, (schedule) => assume(V, `schedule zb-v: stands for ${schedule}`)],
  [/^dualpipe$/, () => stated({ schedule: 'dualpipe', vp: 2 })],
];
