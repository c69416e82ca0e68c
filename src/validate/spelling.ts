/** How sources spell precision, recomputation and schedule, and what each spelling means here. */
import type { Precision, Recompute, ScheduleName } from '../scenario/job.ts';
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

/** The ways to recompute that fit the row, the preferred one first; a pipeline rank holds `chunks` of the layers. */
export const recomputesOf = (row: Row, chunks: number): readonly Filled<Recompute>[] | null => {
  const text = row.recompute ?? 'unknown';
  // Under JAX a selective recomputation is a policy of the user's own: what it keeps is not known.
  const spelling = habitsOf(row).name === 'JAX' && text.startsWith('selective') ? `unknown (${text})` : text;
  return RECOMPUTES.find(([pattern]) => pattern.test(spelling))?.[1](spelling, chunks) ?? null;
};

const none: Recompute = { kind: 'none' };
const full: Recompute = { kind: 'full', layers: 'all' };
const core: Recompute = { kind: 'selective', modules: ['core_attn'] };
const cheap: Recompute = { kind: 'selective', modules: ['layernorm', 'mlp_act'] };

type Spelled = (text: string, chunks: number) => readonly Filled<Recompute>[];
const RECOMPUTES: readonly (readonly [pattern: RegExp, meaning: Spelled])[] = [
  [/^none$/, () => [stated(none)]],
  [/^none \(/, (text) => [assume(none, `recompute none: the row says "${text}"`)]],
  [/^full$/, () => [stated(full)]],
  [/^full on \d+ of \d+ layers$/, (text, chunks) => [fullOnSome(text, chunks)]],
  [/^selective$/, () => [assume(core, 'recompute selective: core_attn')]],
  [/^unknown \(selective likely\)$/, () => [assume(core, 'recompute selective: core_attn, likely but not stated')]],
  [
    /^selective \(fraction of layers\)$/,
    () => [assume(full, 'recompute full: the fraction of the layers is not stated')],
  ],
  [/^selective/, (text) => [selected(text)]],
  [
    /^(unknown|none or as needed)/,
    (text) => [
      assume(none, `recompute none: ${text}`),
      assume(full, `recompute full: ${text}, and without it nothing fits`),
    ],
  ],
];

const fullOnSome = (text: string, chunks: number): Filled<Recompute> => {
  const layers = Math.max(1, Math.round(Number(/\d+/.exec(text)?.[0]) / chunks));
  return assume({ kind: 'full', layers }, `recompute full on ${layers} layers a model chunk: the row says "${text}"`);
};

/** What recomputes single modules keeps the matrix products and repeats what is cheap: norms and activations. */
const selected = (text: string): Filled<Recompute> => {
  const hasNorm = /norm/.test(text);
  const hasActivation = /\bact|activation|moe_act/.test(text);
  if (/core_attn|attention core/.test(text)) return assume(core, `recompute selective: core_attn for "${text}"`);
  if (hasNorm === hasActivation) return assume(cheap, `recompute selective: layernorm and mlp_act for "${text}"`);
  const module = hasNorm ? 'layernorm' : 'mlp_act';
  return assume({ kind: 'selective', modules: [module] }, `recompute selective: ${module} for "${text}"`);
};

export interface Pipelining {
  readonly schedule: ScheduleName;
  readonly vp: number;
}

/** Null for a schedule that no table has. Schedules that do not exist here yet are predicted as the nearest that does. */
export const pipeliningOf = (row: Row): Filled<Pipelining> | null => {
  const { schedule, vp } = row;
  if (vp !== null && vp > 1) return named({ schedule: 'interleaved', vp }, schedule);
  if (schedule === null) return vp === null && row.pp !== 1 ? assume(PLAIN, 'vp 1: not stated') : stated(PLAIN);
  const chunks = /vpp(\d+)/.exec(schedule)?.[1];
  if (chunks !== undefined) return stated({ schedule: 'interleaved', vp: Number(chunks) });
  if (vp === 1 && schedule.includes('interleaved')) return stated(PLAIN);
  return SCHEDULES.find(([pattern]) => pattern.test(schedule))?.[1](schedule) ?? null;
};

const PLAIN: Pipelining = { schedule: '1f1b', vp: 1 };

const UNAVAILABLE = /^(zb|zero-bubble|dualpipe|v-half|v-min)/;

type Named = (schedule: string) => Filled<Pipelining>;
const SCHEDULES: readonly (readonly [pattern: RegExp, meaning: Named])[] = [
  [/^(none|1f1b|non-interleaved-1f1b)$/, () => stated(PLAIN)],
  [/^gpipe$/, () => stated({ schedule: 'gpipe', vp: 1 })],
  [/interleaved/, () => assume({ schedule: 'interleaved', vp: 2 }, 'vp 2: interleaved, chunks not stated')],
  [UNAVAILABLE, (schedule) => named(PLAIN, schedule)],
];

const named = (pipelining: Pipelining, schedule: string | null): Filled<Pipelining> =>
  schedule !== null && UNAVAILABLE.test(schedule)
    ? assume(pipelining, `schedule ${pipelining.schedule}: stands for ${schedule}, which is not predicted yet`)
    : stated(pipelining);
