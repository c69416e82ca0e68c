/** From the words of a command line to a scenario: a file, flags that stand for its keys, or both. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { parseDocument } from 'yaml';
import type { Override } from './overrides.ts';
import { withOverrides } from './overrides.ts';
import { EXIT, Refusal } from './exit.ts';
import { libraryFor, readInput } from './files.ts';
import type { Io } from './io.ts';
import { inReadingOrder, printComplaint } from '../scenario/complaint.ts';
import type { Complaint, Finding } from '../scenario/complaint.ts';
import type { Parsed } from '../scenario/parse.ts';
import { parseScenario } from '../scenario/parse.ts';
import type { Scenario } from '../scenario/scenario.ts';

interface Flag {
  readonly name: string;
  readonly argument: string;
  /** The keys of a scenario that the flag is shorthand for. */
  readonly path: readonly string[];
  readonly summary: string;
  /** In the help of commands that take one layout; null: the flag means nothing there, or is refused. */
  readonly fixed?: string | null;
  /** The same for commands that train it. */
  readonly trained?: string | null;
}

const FLAGS: readonly Flag[] = [
  { name: 'model', argument: '<name>', path: ['model'], summary: 'a model of scenarios/models' },
  { name: 'hf', argument: '<config.json>', path: ['model'], summary: 'a Hugging Face model: its file or folder' },
  { name: 'cluster', argument: '<name>', path: ['cluster'], summary: 'a cluster of scenarios/clusters' },
  {
    name: 'devices',
    argument: '<n>',
    path: ['devices'],
    summary: 'cards of the job, or a list to search',
    fixed: 'ranks of the job',
  },
  { name: 'gpus', argument: '<n>', path: ['devices'], summary: 'the same as --devices' },
  { name: 'tokens', argument: '<n>', path: ['workload', 'tokens'], summary: 'tokens of the whole run, such as 15T' },
  { name: 'gbs', argument: '<n>', path: ['workload', 'globalBatch'], summary: 'sequences a step' },
  { name: 'seq', argument: '<n>', path: ['workload', 'sequence'], summary: 'tokens a sequence' },
  {
    name: 'precision',
    argument: '<name>',
    path: ['precision'],
    summary: 'bf16, fp8-delayed, ...',
    trained: 'fp32, bf16 or fp16',
  },
  { name: 'recompute', argument: '<kind>', path: ['recompute'], summary: 'none, selective, full or full:LAYERS' },
  { name: 'tp', argument: '<n>', path: ['layout', 'tp'], summary: 'tensor parallel degree' },
  { name: 'cp', argument: '<n>', path: ['layout', 'cp'], summary: 'context parallel ranks, or {size: 4, kind: ring}' },
  { name: 'ep', argument: '<n>', path: ['layout', 'ep'], summary: 'expert parallel ranks' },
  { name: 'etp', argument: '<n>', path: ['layout', 'etp'], summary: 'tensor parallel ranks of an expert' },
  { name: 'pp', argument: '<n>', path: ['layout', 'pp'], summary: 'pipeline stages' },
  { name: 'vp', argument: '<n>', path: ['layout', 'vp'], summary: 'model chunks a pipeline rank' },
  {
    name: 'first-layers',
    argument: '<n>',
    path: ['layout', 'firstLayers'],
    summary: 'layers of the first model chunk',
  },
  { name: 'last-layers', argument: '<n>', path: ['layout', 'lastLayers'], summary: 'layers of the last model chunk' },
  { name: 'dp', argument: '<n>', path: ['layout', 'dp'], summary: 'data parallel degree' },
  { name: 'replicas', argument: '<n>', path: ['layout', 'replicas'], summary: 'copies of what ZeRO shards' },
  { name: 'microbatch', argument: '<n>', path: ['layout', 'microbatch'], summary: 'sequences a microbatch' },
  { name: 'schedule', argument: '<name>', path: ['layout', 'schedule'], summary: 'gpipe, 1f1b, interleaved, ...' },
  { name: 'zero', argument: '<stage>', path: ['layout', 'zero'], summary: 'ZeRO stage, 0 to 3' },
  {
    name: 'sequence-parallel',
    argument: '<true|false>',
    path: ['layout', 'sequenceParallel'],
    summary: 'norms sharded along the sequence',
  },
  {
    name: 'offload',
    argument: '<what>',
    path: ['memory', 'offload'],
    summary: 'none, optimizer:dram, activations:0.5, or a mapping of both',
    trained: null,
  },
  {
    name: 'search',
    argument: '<breadth>',
    path: ['search'],
    summary: 'what a free axis tries: usual, or whole',
    fixed: null,
  },
  {
    name: 'margin',
    argument: '<share>',
    path: ['memory', 'margin'],
    summary: 'memory to leave free, such as 5%',
    trained: null,
  },
  { name: 'seed', argument: '<n>', path: ['seed'], summary: 'seed of everything drawn at random' },
];

/** What commander has read; every flag's value is still the text that was typed. */
export interface QuestionOptions {
  readonly [flag: string]: unknown;
  readonly set?: readonly string[];
  readonly printScenario?: boolean;
}

/** What becomes of the layouts that a scenario allows: the best are searched, or there is one, or it is really trained. */
type Reading = 'searched' | 'fixed' | 'trained';

/** Adds the flags that are shorthand for scenario keys. */
export const defineQuestion = (command: Command, reading: Reading = 'searched'): Command => {
  command.argument('[RUN.yaml]', 'the scenario; flags override its keys');
  for (const flag of FLAGS) {
    const summary = summaryFor(flag, reading);
    const option = new Option(`--${flag.name} ${flag.argument}`, summary ?? flag.summary).argParser(once);
    command.addOption(summary === null ? option.hideHelp() : option);
  }
  return command
    .option('--set <key=value>', 'any other key, such as cluster.nic=800Gbps (repeatable)', collect)
    .option('--print-scenario', 'print the scenario that the flags amount to, and exit');
};

/** Null: not worth a line of the help. */
const summaryFor = ({ summary, fixed = summary, trained = fixed }: Flag, reading: Reading): string | null =>
  ({ searched: summary, fixed, trained })[reading];

/** Of two answers to one question the second is as likely to be the slip as the first. */
const once = (value: string, before: string | undefined): string => {
  if (before !== undefined) throw new InvalidArgumentError(`it was ${before} before; wanted once.`);
  return value;
};
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The scenario with the flags written into it, right or wrong: the place to look at when a complaint is about a flag. */
export const questionText = (file: string | undefined, options: QuestionOptions, io: Io): string => {
  const overrides = overridesOf(options);
  if (file === undefined && overrides.length === 0)
    throw new Refusal(EXIT.usage, 'error: give a RUN.yaml, or flags such as --model llama-3-8b --cluster h100-sxm');
  return withOverrides(file === undefined ? '' : readInput(file, io), overrides);
};

interface Asking {
  readonly options: QuestionOptions;
  /** Names what was not done, in a refusal with every complaint about the scenario. */
  readonly verb: string;
  readonly io: Io;
}

export const readQuestion = (file: string | undefined, asking: Asking): Scenario => readPlaced(file, asking).scenario;

/** A scenario that remembers where its keys stand. */
export interface Placed {
  readonly scenario: Scenario;
  /** What is found later, each on a line with its place. */
  readonly linesOf: (findings: readonly Finding[]) => readonly string[];
}

/** For commands that may find more that is wrong with the scenario than can be seen by reading it. */
export const readPlaced = (file: string | undefined, { options, verb, io }: Asking): Placed => {
  const text = questionText(file, options, io);
  const name = file ?? 'flags';
  const parsed = parseQuestion(file, { text, io });
  const places =
    overridesOf(options).length === 0 ? [] : ['Places are those of the scenario that --print-scenario shows.'];
  if (parsed.kind === 'scenario') {
    const { scenario, complaintOf } = parsed;
    const linesOf: Placed['linesOf'] = (findings) =>
      findings.length === 0
        ? []
        : [...inReadingOrder(findings.map((each) => complaintOf(each))).map(printComplaint), ...places];
    return { scenario, linesOf };
  }
  throw complain(parsed.complaints, { name, verb, places });
};

export const parseQuestion = (
  file: string | undefined,
  { text, io }: { readonly text: string; readonly io: Io },
): Parsed => parseScenario({ file: file ?? 'flags', text }, libraryFor(file, io));

/** The key of a scenario that a flag is shorthand for; any other word is a key itself. */
export const keyOf = (word: string): string => FLAGS.find(({ name }) => name === word)?.path.join('.') ?? word;

/** The options with one more key set, which has the last word. */
export const withKey = (options: QuestionOptions, key: string, value: string): QuestionOptions => ({
  ...options,
  set: [...(options.set ?? []).filter((text) => !text.startsWith(`${key}=`)), `${key}=${value}`],
});

/** Every complaint on a line of its own, and how many there were. */
export const complain = (
  complaints: readonly Complaint[],
  { name, verb, places = [] }: { readonly name: string; readonly verb: string; readonly places?: readonly string[] },
): Refusal => {
  const closing = `${complaints.length} mistake${complaints.length === 1 ? '' : 's'} in ${name}; nothing was ${verb}.`;
  return new Refusal(EXIT.badInput, [...complaints.map(printComplaint), ...places, closing].join('\n'));
};

/** An override and how it was asked for. */
interface Asked extends Override {
  readonly by: string;
}

/** A --set has the last word over a flag, so that a remedy can be tried by adding it to the command line. */
const overridesOf = (options: QuestionOptions): readonly Override[] => [
  ...agreeing(FLAGS.flatMap((flag) => asFlag(flag, options))),
  ...agreeing((options.set ?? []).map(assignment)),
];

const agreeing = (asked: readonly Asked[]): readonly Asked[] => {
  const byKey = new Map<string, Asked>();
  for (const override of asked) {
    const key = override.path.join('.');
    const before = byKey.get(key);
    if (before !== undefined)
      throw new Refusal(EXIT.usage, `error: ${before.by} and ${override.by} both set ${key}; wanted one of them`);
    byKey.set(key, override);
  }
  return asked;
};

const asFlag = ({ name, path }: Flag, options: QuestionOptions): readonly Asked[] => {
  const text = options[camelCase(name)];
  if (typeof text !== 'string') return [];
  const by = `--${name} ${text}`;
  return [{ by, path, value: name === 'hf' ? `{hf: ${JSON.stringify(text)}}` : yamlValue(text, by) }];
};

const assignment = (text: string): Asked => {
  const by = `--set ${text}`;
  const [, key, value] = /^(\w+(?:\.\w+)*)=(.+)$/u.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new Refusal(EXIT.usage, `error: ${by}: wanted key=value, such as cluster.nic=800Gbps`);
  return { by, path: key.split('.'), value: yamlValue(value, by) };
};

/** What is no YAML by itself would break the text that it is written into, somewhere its writer never looked. */
const yamlValue = (text: string, by: string): string => {
  const value = flowValue(text);
  if (parseDocument(value).errors.length === 0) return value;
  throw new Refusal(EXIT.usage, `error: ${by}: the value is not YAML; wanted one such as 8, [1, 2] or {full: 12}`);
};

/** `1,2,4` is a list, `full:12` and `optimizer:dram` are mappings, YAML stays as it is; what YAML would take for syntax of its own is quoted. */
const flowValue = (text: string): string => {
  if (/^[[{"']/u.test(text)) return text;
  if (text.includes(','))
    return `[${text
      .split(',')
      .map((word) => flowValue(word.trim()))
      .join(', ')}]`;
  const [, key, count] = /^([a-z]+):(\d+(?:\.\d+)?|[a-z]+)$/u.exec(text) ?? [];
  if (key !== undefined) return `{${key}: ${count}}`;
  return /^[\w$][\w.$%/+ -]*$/u.test(text) ? text : JSON.stringify(text);
};

const camelCase = (name: string): string => name.replaceAll(/-(\w)/gu, (_dash, letter: string) => letter.toUpperCase());
