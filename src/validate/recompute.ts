/** How sources spell recomputation, and what each spelling means here. */
import type { Recompute, RecomputeModule } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { habitsOf } from './framework.ts';
import type { Row } from './row.ts';

/** The ways to recompute that fit the row, the preferred one first; a pipeline rank holds `chunks` of the layers. */
export const recomputesOf = (row: Row, chunks: number): readonly Filled<Recompute>[] | null => {
  const text = row.recompute ?? 'unknown';
  // Under JAX a selective recomputation is a policy of the user's own: what it keeps is not known.
  const spelling = habitsOf(row).name === 'JAX' && text.startsWith('selective') ? `unknown (${text})` : text;
  const meaning = RECOMPUTES.find(([pattern]) => pattern.test(spelling))?.[1];
  return meaning?.(spelling, { chunks, hasExperts: row.model.moe !== null }) ?? null;
};

const none: Recompute = { kind: 'none' };
const full: Recompute = { kind: 'full', layers: 'all' };
const core: Recompute = { kind: 'selective', modules: ['core_attn'] };

interface Spoken {
  readonly chunks: number;
  readonly hasExperts: boolean;
}
type Spelled = (text: string, spoken: Spoken) => readonly Filled<Recompute>[];

const RECOMPUTES: readonly (readonly [pattern: RegExp, meaning: Spelled])[] = [
  [/^none$/, () => [stated(none)]],
  [/^none \(/, (text) => [assume(none, `recompute none: the row says "${text}"`)]],
  [/^full$/, () => [stated(full)]],
  [/^full on \d+ of \d+ layers$/, (text, { chunks }) => [fullOnSome(text, chunks)]],
  [/^selective$/, () => [assume(core, 'recompute selective: core_attn')]],
  [/^unknown \(selective likely\)$/, () => [assume(core, 'recompute selective: core_attn, likely but not stated')]],
  [
    /^selective \(fraction of layers\)$/,
    () => [assume(full, 'recompute full: the fraction of the layers is not stated')],
  ],
  [/^selective/, (text, { hasExperts }) => [selected(text, hasExperts)]],
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

/** An activation is that of the experts too where there are any; `\b` keeps `moe` out of `moe_act`. */
const MODULES: readonly (readonly [pattern: RegExp, modules: readonly RecomputeModule[], needsExperts: boolean])[] = [
  [/core_attn|attention core/, ['core_attn'], false],
  [/norm/, ['layernorm'], false],
  [/mlp_act|\bact(ivation)?\b/, ['mlp_act'], false],
  [/\bact(ivation)?\b|moe_act/, ['moe_act'], true],
  [/mla_up_proj|mla up-projection/, ['mla_up_proj'], false],
  [/\bmlp\b/, ['mlp'], false],
  [/\bmoe\b/, ['moe'], true],
  [/shared_expert/, ['shared_experts'], true],
];

/** What is recomputed without the name of a module keeps the matrix products and repeats what is cheap. */
const CHEAP: readonly RecomputeModule[] = ['layernorm', 'mlp_act'];

const selected = (text: string, hasExperts: boolean): Filled<Recompute> => {
  const named = MODULES.filter(([pattern, , needsExperts]) => pattern.test(text) && (hasExperts || !needsExperts));
  const modules = named.flatMap(([, each]) => each);
  const meant = modules.length > 0 ? modules : [...CHEAP, ...(hasExperts ? (['moe_act'] as const) : [])];
  const isExact = text === `selective: ${modules.join('+')}`;
  const value: Recompute = { kind: 'selective', modules: meant };
  return isExact ? stated(value) : assume(value, `recompute selective: ${meant.join(' and ')} for "${text}"`);
};
