/** From the words of a command line to a scenario: a file, flags that stand for its keys, or both. */
import type { Command } from 'commander';
import type { Override } from './overrides.ts';
import { withOverrides } from './overrides.ts';
import { EXIT, Refusal } from './exit.ts';
import { libraryFor, readInput } from './files.ts';
import type { Io } from './io.ts';
import { printComplaint } from '../scenario/complaint.ts';
import type { Complaint } from '../scenario/complaint.ts';
import { parseScenario } from '../scenario/parse.ts';
import type { Scenario } from '../scenario/scenario.ts';

interface Flag {
  readonly name: string;
  readonly argument: string;
  /** The keys of a scenario that the flag is shorthand for. */
  readonly path: readonly string[];
  readonly summary: string;
}

const FLAGS: readonly Flag[] = [
  { name: 'model', argument: '<name>', path: ['model'], summary: 'a model of scenarios/models' },
  { name: 'hf', argument: '<config.json>', path: ['model', 'hf'], summary: 'a Hugging Face model: its file or folder' },
  { name: 'cluster', argument: '<name>', path: ['cluster'], summary: 'a cluster of scenarios/clusters' },
  { name: 'devices', argument: '<n>', path: ['devices'], summary: 'cards of the job, or a list to search' },
  { name: 'gpus', argument: '<n>', path: ['devices'], summary: 'the same as --devices' },
  { name: 'tokens', argument: '<n>', path: ['workload', 'tokens'], summary: 'tokens of the whole run, such as 15T' },
  { name: 'gbs', argument: '<n>', path: ['workload', 'globalBatch'], summary: 'sequences a step' },
  { name: 'seq', argument: '<n>', path: ['workload', 'sequence'], summary: 'tokens a sequence' },
  { name: 'precision', argument: '<name>', path: ['precision'], summary: 'bf16, fp8-delayed, ...' },
  { name: 'recompute', argument: '<kind>', path: ['recompute'], summary: 'none, selective, full or full:LAYERS' },
  { name: 'tp', argument: '<n>', path: ['layout', 'tp'], summary: 'tensor parallel degree' },
  { name: 'pp', argument: '<n>', path: ['layout', 'pp'], summary: 'pipeline stages' },
  { name: 'vp', argument: '<n>', path: ['layout', 'vp'], summary: 'model chunks a pipeline rank' },
  { name: 'dp', argument: '<n>', path: ['layout', 'dp'], summary: 'data parallel degree' },
  { name: 'microbatch', argument: '<n>', path: ['layout', 'microbatch'], summary: 'sequences a microbatch' },
  { name: 'schedule', argument: '<name>', path: ['layout', 'schedule'], summary: 'gpipe, 1f1b or interleaved' },
  { name: 'zero', argument: '<stage>', path: ['layout', 'zero'], summary: 'ZeRO stage, 0 to 3' },
  {
    name: 'sequence-parallel',
    argument: '<true|false>',
    path: ['layout', 'sequenceParallel'],
    summary: 'norms sharded along the sequence',
  },
  { name: 'margin', argument: '<share>', path: ['memory', 'margin'], summary: 'memory to leave free, such as 5%' },
  { name: 'seed', argument: '<n>', path: ['seed'], summary: 'seed of everything drawn at random' },
];

/** What commander has read; every flag's value is still the text that was typed. */
export interface QuestionOptions {
  readonly [flag: string]: unknown;
  readonly set?: readonly string[];
  readonly printScenario?: boolean;
}

export interface Question {
  readonly scenario: Scenario;
  /** The scenario with the flags written into it. */
  readonly text: string;
}

/** Adds the flags that are shorthand for scenario keys. */
export const defineQuestion = (command: Command): Command => {
  command.argument('[RUN.yaml]', 'the scenario; flags override its keys');
  for (const { name, argument, summary } of FLAGS) command.option(`--${name} ${argument}`, summary);
  return command
    .option('--set <key=value>', 'any other key, such as cluster.nic=800Gbps (repeatable)', collect)
    .option('--print-scenario', 'print the scenario that the flags amount to, and exit');
};

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The scenario that was asked about, or a refusal with every complaint about it. `verb` names what was not done. */
export const readQuestion = (
  file: string | undefined,
  { options, verb, io }: { readonly options: QuestionOptions; readonly verb: string; readonly io: Io },
): Question => {
  const overrides = overridesOf(options);
  if (file === undefined && overrides.length === 0)
    throw new Refusal(EXIT.usage, 'error: give a RUN.yaml, or flags such as --model llama-3-8b --cluster h100-sxm');
  const text = withOverrides(file === undefined ? '' : readInput(file, io), overrides);
  const name = file ?? 'flags';
  const parsed = parseScenario({ file: name, text }, libraryFor(file, io));
  if (parsed.kind === 'scenario') return { scenario: parsed.scenario, text };
  const places = overrides.length === 0 ? [] : ['Places are those of the scenario that --print-scenario shows.'];
  throw complain(parsed.complaints, { name, verb, places });
};

/** Every complaint on a line of its own, and how many there were. */
export const complain = (
  complaints: readonly Complaint[],
  { name, verb, places = [] }: { readonly name: string; readonly verb: string; readonly places?: readonly string[] },
): Refusal => {
  const closing = `${complaints.length} mistake${complaints.length === 1 ? '' : 's'} in ${name}; nothing was ${verb}.`;
  return new Refusal(EXIT.badInput, [...complaints.map(printComplaint), ...places, closing].join('\n'));
};

const overridesOf = (options: QuestionOptions): readonly Override[] => [
  ...FLAGS.flatMap(({ name, path }) => {
    const value = options[camelCase(name)];
    return typeof value === 'string' ? [{ path, value: name === 'hf' ? JSON.stringify(value) : flowValue(value) }] : [];
  }),
  ...(options.set ?? []).map(assignment),
];

const assignment = (text: string): Override => {
  const [, key, value] = /^([\w.]+)=(.+)$/u.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new Refusal(EXIT.usage, `error: --set ${text}: wanted key=value, such as cluster.nic=800Gbps`);
  return { path: key.split('.'), value: flowValue(value) };
};

/** `1,2,4` is a list, `full:12` a mapping, YAML stays as it is; what YAML would take for syntax of its own is quoted. */
const flowValue = (text: string): string => {
  if (/^[[{"']/u.test(text)) return text;
  if (text.includes(','))
    return `[${text
      .split(',')
      .map((word) => flowValue(word.trim()))
      .join(', ')}]`;
  const [, key, count] = /^([a-z]+):(\d+)$/u.exec(text) ?? [];
  if (key !== undefined) return `{${key}: ${count}}`;
  return /^[\w$][\w.$%/+ -]*$/u.test(text) ? text : JSON.stringify(text);
};

const camelCase = (name: string): string => name.replaceAll(/-(\w)/gu, (_dash, letter: string) => letter.toUpperCase());
