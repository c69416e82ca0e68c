/** `--target days=30` and `--target usd=5M`, and what a scenario must say to be held against them. */
import type { Target } from '../plan/target.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { hourlyPrice } from '../scenario/price.ts';
import { dollars } from '../units/quantity.ts';
import { EXIT, Refusal } from './exit.ts';

/** For commander: targets add up, in one flag or in several. */
export const collectTargets = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(','),
];

export const targetOf = (texts: readonly string[]): Target => {
  const target: { days: number | null; dollars: Target['dollars'] } = { days: null, dollars: null };
  for (const text of texts) {
    const [, name, value] = /^(days|usd)=(.+)$/u.exec(text) ?? [];
    const amount = amountOf(value ?? '');
    if (amount === null)
      throw new Refusal(EXIT.usage, `error: --target ${text}: wanted days=30 or usd=5M, an amount above 0`);
    const key = name === 'days' ? 'days' : 'dollars';
    if (target[key] !== null)
      throw new Refusal(EXIT.usage, `error: --target ${text}: ${name} was ${target[key]} before; wanted once`);
    if (key === 'days') target.days = amount;
    else target.dollars = dollars(amount);
  }
  return target;
};

const SCALES: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, B: 1e9 };
const amountOf = (text: string): number | null => {
  const [, digits, scale = ''] = /^\$?(\d+(?:\.\d+)?)([KMB]?)$/u.exec(text) ?? [];
  const amount = digits === undefined ? 0 : Number(digits) * (SCALES[scale] ?? 0);
  return amount > 0 && Number.isFinite(amount) ? amount : null;
};

/** Days want a number of tokens; dollars a price as well. */
export const requireTarget = ({ workload, cluster }: Scenario, target: Target): void => {
  if (workload.tokens === null)
    throw new Refusal(
      EXIT.badInput,
      'workload.tokens is missing: a target wants the tokens of the whole run, such as --tokens 300B; nothing was planned.',
    );
  if (target.dollars !== null && hourlyPrice(cluster) === null)
    throw new Refusal(
      EXIT.badInput,
      `cluster.price is missing: ${cluster.name} has no price to hold usd=${target.dollars} against; ` +
        'give one, such as --set cluster.price=$2.50/h; nothing was planned.',
    );
};
