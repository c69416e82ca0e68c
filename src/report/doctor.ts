/** What a machine can do, what it lacks for what, and how to get it: the text and the JSON of `angel-sim doctor`. */
import { z } from 'zod';
import type { Paint } from './paint.ts';
import { left, PAGE_WIDTH, table, wrap } from './table.ts';

const STATES = ['ok', 'missing', 'broken'] as const;

const findingSchema = z.strictObject({
  name: z.string(),
  state: z.enum(STATES).meta({ description: 'missing: not there; broken: there, and it failed when it was tried' }),
  found: z.string().meta({ description: 'what was seen when it was tried' }),
  needed_for: z.string(),
  is_required: z.boolean().meta({ description: 'false: everything of this version works without it' }),
  install: z.string().nullable().meta({ description: 'what to run or do; null when nothing is missing' }),
});
export type Finding = z.infer<typeof findingSchema>;

export const doctorSchema = z
  .strictObject({ schema: z.literal('angel-sim.doctor/1'), version: z.string(), findings: z.array(findingSchema) })
  .meta({ title: 'angel-sim doctor', description: 'What `angel-sim doctor --json` prints.' });

export const doctorJson = (version: string, findings: readonly Finding[]): z.infer<typeof doctorSchema> => ({
  schema: 'angel-sim.doctor/1',
  version,
  findings: findings.map(({ name, state, found, needed_for, is_required, install }) => ({
    name,
    state,
    found,
    needed_for,
    is_required,
    install,
  })),
});

export const doctorText = (version: string, findings: readonly Finding[], paint: Paint): string => {
  const rows = findings.map(({ name, state, found, needed_for }) => [name, state, `${found}; for ${needed_for}`]);
  const [head = '', ...body] = table([left(`angel-sim ${version}`), left('state'), left('found')], rows);
  const installs = findings.flatMap(({ name, install }) => (install === null ? [] : [[name, install]]));
  const lacking = installs.length === 0 ? [] : ['', ...table([left('to add'), left('how')], installs)];
  return `${[paint('title', head), ...body, ...lacking, '', ...closing(findings, paint)].join('\n')}\n`;
};

const closing = (findings: readonly Finding[], paint: Paint): readonly string[] => {
  const failing = findings.filter((finding) => finding.is_required && finding.state !== 'ok').map(({ name }) => name);
  return failing.length === 0
    ? [paint('good', 'Everything that this version needs is here.')]
    : wrap(`This version does not work here without: ${failing.join(', ')}.`, PAGE_WIDTH).map((line) =>
        paint('bad', line),
      );
};
