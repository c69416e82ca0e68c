/** A saved `plan --json` or `simulate --json`, read back as one side of a comparison. */
import type { z } from 'zod';
import type { Side } from '../plan/difference.ts';
import type { Term } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import type { candidateSchema, layoutSchema } from './candidate-json.ts';
import { planSchema } from './plan-json.ts';
import { simulateSchema } from './simulate-json.ts';

export type Reading =
  | { readonly kind: 'side'; readonly side: Side }
  /** Why the text is no answer to compare. */
  | { readonly kind: 'refusal'; readonly reason: string };

export const readAnswer = (text: string): Reading => {
  const value = parsed(text);
  if (value === undefined) return refused('this is not JSON; wanted what `angel-sim plan --json` printed');
  const name = schemaOf(value);
  if (name === 'angel-sim.plan/1') return fromPlan(value);
  if (name === 'angel-sim.simulate/1') return fromSimulation(value);
  const got = name === null ? 'it names no schema' : `its schema is ${name}`;
  return refused(`${got}; wanted an answer of \`angel-sim plan --json\` or \`angel-sim simulate --json\``);
};

const refused = (reason: string): Reading => ({ kind: 'refusal', reason });

/** Undefined is no value of JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const schemaOf = (value: unknown): string | null =>
  typeof value === 'object' && value !== null && 'schema' in value && typeof value.schema === 'string'
    ? value.schema
    : null;

const fromPlan = (value: unknown): Reading => {
  const read = planSchema.safeParse(value);
  if (!read.success) return refused(firstIssue(read.error));
  const answer = read.data;
  if (answer.outcome !== 'plan') return refused(`its outcome is ${answer.outcome}: there is no plan to compare`);
  const { title: _title, devices: _devices, precision: _precision, ...question } = answer.question;
  return sideOf(answer.winner, { ...textsOf(question), ...figureTexts(answer.figures) });
};

const fromSimulation = (value: unknown): Reading => {
  const read = simulateSchema.safeParse(value);
  if (!read.success) return refused(firstIssue(read.error));
  const { candidate, model, cluster, workload, seed, figures } = read.data;
  return sideOf(candidate, { ...textsOf({ model, cluster, ...workload, seed }), ...figureTexts(figures) });
};

/** A file of another version lacks a key or has one more. */
const firstIssue = ({ issues }: z.ZodError): string => {
  const [issue] = issues;
  const path = issue === undefined || issue.path.length === 0 ? 'the answer' : issue.path.join('.');
  return `${path}: ${issue?.message ?? 'is not as wanted'}; was it written by another version of angel-sim?`;
};

type Saved = z.infer<typeof candidateSchema>;

const sideOf = (candidate: Saved, question: Side['settings']): Reading => {
  const { stages, memory, run, step_s } = candidate;
  const busiest = stages.reduce(
    (most, stage) => (stage.terms_s.bubble < most.terms_s.bubble ? stage : most),
    stages[0]!,
  );
  const worst = stages.find(({ stage }) => stage === memory.stage);
  if (worst === undefined) return refused(`memory.stage: there is no stage ${memory.stage} among its stages`);
  return {
    kind: 'side',
    side: {
      settings: { ...question, ...layoutTexts(candidate.layout) },
      step: nanoseconds(step_s),
      stage: busiest.stage,
      terms: inNanoseconds(busiest.terms_s),
      worst: worst.stage,
      memory: worst.memory.by_purpose_bytes,
      days: run?.days ?? null,
      dollarsLow: run?.dollars_low ?? null,
      dollarsHigh: run?.dollars_high ?? null,
    },
  };
};

const nanoseconds = (time: number): number => Math.round(time * 1e9);
/** With their fractions: they are rounded together. */
const inNanoseconds = (terms: Readonly<Record<Term, number>>): Side['terms'] => {
  const scaled = { ...terms };
  for (const term of TERMS) scaled[term] = terms[term] * 1e9;
  return scaled;
};

const layoutTexts = (layout: z.infer<typeof layoutSchema>): Side['settings'] => {
  const { devices, precision, recompute, offload, ...axes } = layout;
  const inLayout = Object.fromEntries(Object.entries(textsOf(axes)).map(([axis, text]) => [`layout.${axis}`, text]));
  return { ...textsOf({ devices }), ...inLayout, ...textsOf({ precision, recompute, offload }) };
};

/** The figures of cluster and software behind the prediction: what they are, not where they come from. */
const figureTexts = (figures: readonly { readonly key: string; readonly value: number; readonly unit: string }[]) =>
  Object.fromEntries(figures.map(({ key, value, unit }) => [key, unit === '1' ? String(value) : `${value} ${unit}`]));

const textsOf = (record: Readonly<Record<string, unknown>>): Side['settings'] =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, textOf(value)]));
const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return value === null ? 'none' : JSON.stringify(value);
};
