/** `angel-sim schema`: the JSON Schemas of what angel-sim reads and of what it prints. */
import type { Command } from 'commander';
import { jsonText } from '../report/json.ts';
import { reportSchemas } from '../report/schemas.ts';
import { left, table } from '../report/table.ts';
import { nearestName } from '../scenario/nearest.ts';
import { scenarioSchemas } from '../scenario/schemas.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';

interface Entry {
  readonly name: string;
  readonly describes: string;
  readonly schema: object;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .argument('[NAME]', 'the schema to print; without a name, the names')
    .action((name: string | undefined) => end(printSchema(name, io)));
};

const printSchema = (name: string | undefined, io: Io): number => {
  const entries = [
    ...entriesOf(scenarioSchemas(), (entry) => `a ${entry} file`),
    ...entriesOf(reportSchemas(), (entry) => `what angel-sim ${wordsOf(entry)} --json prints`),
  ];
  io.stdout.write(name === undefined ? listOf(entries) : jsonText(named(name, entries)));
  return EXIT.ok;
};

/** The flags whose answers have schemas of their own; sub-commands are words beside their command. */
const FLAGS: readonly string[] = ['target', 'sweep', 'why-not', 'reliability'];
const wordsOf = (entry: string): string => {
  const [, command, rest = ''] = /^(plan|validate)-(.+)$/u.exec(entry) ?? [];
  return command === undefined ? entry : `${command} ${FLAGS.includes(rest) ? '--' : ''}${rest}`;
};

const entriesOf = (schemas: Readonly<Record<string, object>>, describe: (name: string) => string): readonly Entry[] =>
  Object.entries(schemas).map(([file, schema]) => {
    const name = file.replace('.schema.json', '');
    return { name, describes: describe(name), schema };
  });

const listOf = (entries: readonly Entry[]): string =>
  `${table(
    [left('schema'), left('describes')],
    entries.map(({ name, describes }) => [name, describes]),
  ).join('\n')}\n`;

const named = (name: string, entries: readonly Entry[]): object => {
  const entry = entries.find((each) => each.name === name);
  if (entry !== undefined) return entry.schema;
  const names = entries.map((each) => each.name);
  const nearest = nearestName(name, names);
  throw new Refusal(
    EXIT.usage,
    `error: no schema ${name}: wanted one of ${names.join(' ')}${nearest === null ? '' : ` (did you mean ${nearest}?)`}`,
  );
};
