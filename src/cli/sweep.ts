/** `--sweep devices=512..16384:x2`: the values of one key, and the scenario with each of them. */
import { printComplaint } from '../scenario/complaint.ts';
import type { Swept } from '../plan/sweep.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { QuestionOptions } from './question.ts';
import { keyOf, parseQuestion, questionText, withKey } from './question.ts';

export interface SweepAsked {
  readonly key: string;
  readonly values: readonly string[];
}

const VALUES_MAX = 256;
const WANTED = 'wanted key=512..16384:x2, key=8..64:+8 or key=1,2,4';

export const sweepOf = (text: string): SweepAsked => {
  const refuse = (reason: string): Refusal => new Refusal(EXIT.usage, `error: --sweep ${text}: ${reason}`);
  const [, word, list] = /^([\w.-]+)=(.+)$/u.exec(text) ?? [];
  if (word === undefined || list === undefined) throw refuse(WANTED);
  const values = list.includes('..') ? rangeOf(list) : listOf(list);
  if (values === null) throw refuse(WANTED);
  if (values.length > VALUES_MAX) throw refuse(`these are more than ${VALUES_MAX} values`);
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw refuse(`${twice} stands there twice`);
  return { key: keyOf(word), values };
};

/** Commas inside of brackets belong to their value. */
const listOf = (list: string): readonly string[] | null => {
  const values = [...list.matchAll(/(?:\{[^}]*\}|\[[^\]]*\]|[^,])+/gu)].map(([value]) => value.trim());
  return values.length === 0 || values.includes('') ? null : values;
};

const rangeOf = (range: string): readonly string[] | null => {
  const [, from, to, sign, by] = /^(\d+)\.\.(\d+):([x+])(\d+)$/u.exec(range) ?? [];
  const [first, last, step] = [Number(from), Number(to), Number(by)];
  const goesUp = sign === 'x' ? step > 1 && first > 0 : step > 0;
  if (from === undefined || !goesUp || first > last) return null;
  const values: string[] = [];
  for (
    let value = first;
    value <= last && values.length <= VALUES_MAX;
    value = sign === 'x' ? value * step : value + step
  )
    values.push(String(value));
  return values;
};

/** A value with which the scenario contradicts itself is a row of the answer; when all are, the scenario is what is wrong. */
export const sweptScenarios = (
  file: string | undefined,
  { key, values }: SweepAsked,
  { options, io }: { readonly options: QuestionOptions; readonly io: Io },
): readonly Swept[] => {
  const complaints: string[] = [];
  const swept = values.map((value): Swept => {
    const text = questionText(file, withKey(options, key, value), io);
    const parsed = parseQuestion(file, { text, io });
    if (parsed.kind === 'scenario') return { value, scenario: parsed.scenario };
    complaints.push(...parsed.complaints.map(printComplaint));
    const [first] = parsed.complaints;
    return { value, scenario: { refusal: first === undefined ? 'refused' : `${first.path}: ${first.message}` } };
  });
  if (swept.some(({ scenario }) => !('refusal' in scenario))) return swept;
  const closing = `${key} can take none of the ${values.length} values; nothing was planned.`;
  throw new Refusal(EXIT.badInput, [...new Set(complaints), closing].join('\n'));
};
