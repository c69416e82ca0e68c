/** `angel-sim trace`: what happens in a job in either world, as files that other tools open. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Trace } from '../effects/trace.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { KERNELS } from '../exec/training/order.ts';
import { jsonText } from '../report/json.ts';
import { behindSteps } from '../report/late-trace.ts';
import { stepEnds } from '../report/step-times.ts';
import type { Numbered } from '../report/trace/files.ts';
import { rankFiles, wholeFile } from '../report/trace/files.ts';
import type { TraceFormat } from '../report/trace/format.ts';
import { formatFor, isPerRank, TRACE_FORMATS } from '../report/trace/format.ts';
import type { Subject } from '../report/trace/picture.ts';
import { TIMELINE } from '../report/trace/picture.ts';
import type { Ranks, Window } from '../report/trace/selection.ts';
import { parseRanks, parseWindow, shownSteps, within } from '../report/trace/selection.ts';
import { traceJson, traceText } from '../report/trace-summary.ts';
import type { Job } from '../scenario/job.ts';
import { CALM, message, TRACED_RANKS_MAX } from '../sim/message.ts';
import { TraceTooLong } from '../sim/setting.ts';
import { formatInteger } from '../units/format.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { NewFile } from './new-file.ts';
import { NewFolder } from './new-folder.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readPlaced } from './question.ts';
import { followedJob, realJob, SKIPPED, stepsAlone, trainSteps } from './real-job.ts';
import { wholeNumber } from './whole-number.ts';

const WORLDS = ['sim', 'real'] as const;
/** Steps that fit on a screen; a file of many more is slow to open. */
const STEPS_MAX = 100;
/** Files that nobody is surprised to find in a folder. */
const FILES_MAX = 64;

interface TraceOptions extends QuestionOptions {
  readonly output: string;
  readonly format?: TraceFormat;
  readonly world: (typeof WORLDS)[number];
  readonly steps: number;
  readonly skip?: number;
  readonly ranks?: ReadonlySet<number>;
  readonly window?: Window;
  readonly kernels: KernelChoice;
  readonly json?: boolean;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command, 'fixed')
    .requiredOption('-o, --output <t.pftrace>', 'the file to write, or a folder for a file a rank')
    .addOption(
      new Option('--format <name>', 'by the ending of the file: .pftrace, .json (chrome)').choices(TRACE_FORMATS),
    )
    .addOption(new Option('--world <which>', 'simulated, or trained on this machine').choices(WORLDS).default('sim'))
    .option('--steps <n>', 'training steps to show', wholeNumber(1, STEPS_MAX), 2)
    .option('--skip <n>', `steps ahead of them (default: ${SKIPPED} in the real world)`, wholeNumber(0, STEPS_MAX))
    .option('--ranks <list>', 'ranks to show, such as 0-7,16 (default: all)', asArgument(parseRanks))
    .option('--window <from..to>', 'a part of their time, such as 1ms..5ms (default: all)', asArgument(parseWindow))
    .addOption(new Option('--kernels <who>', 'who multiplies in the real world').choices(KERNELS).default('auto'))
    .option('--json', 'print what is in the file as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  angel-sim trace scenarios/runs/tiny-gpt-2x2x2.yaml --world real -o t.pftrace\nand open t.pftrace at https://ui.perfetto.dev.\n  angel-sim trace scenarios/runs/tiny-8.yaml --format kineto -o traces/\nfor Holistic Trace Analysis; --format chakra for ASTRA-sim.',
    )
    .action(async (file: string | undefined, options: TraceOptions) => end(await trace(file, options, io)));
};

const asArgument =
  <Value>(parse: (text: string) => Value) =>
  (text: string): Value => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };

const trace = async (file: string | undefined, options: TraceOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const format = formatOf(options);
  const placed = readPlaced(file, { options, verb: 'traced', io });
  const isReal = options.world === 'real';
  const { job, corpus } = isReal
    ? await realJob(placed, { file, verb: 'traced', io })
    : { job: followedJob(placed, { verb: 'traced', most: TRACED_RANKS_MAX }), corpus: null };
  const { output, kernels, window = null, skip = isReal ? SKIPPED : 0 } = options;
  const ranks = ranksOf(options, job, format);
  const target = targetOf(output, format, io);
  const release = io.onInterrupt(() => {
    target.drop();
    io.halt(EXIT.interrupted);
  });
  try {
    const { devices, cluster } = job;
    const steps = skip + options.steps;
    const order = { steps, kernels, isTraced: true, isDetailed: true, io } as const;
    const happened =
      corpus === null ? simulated(job, steps) : (await trainSteps(job, { corpus, ...order })).trained.trace;
    const late = behindSteps(happened, { devices, steps }, skip);
    const { title } = placed.scenario;
    const world = isReal ? 'real' : 'simulated';
    const subject: Subject = { title, world, devices, hasDevices: !isReal && cluster.cores === null, ranks };
    const ends = stepEnds(late, { devices, steps: options.steps });
    const shown = within(late, window);
    target.write(shown, subject, { job, steps: shownSteps(ends, skip, window) });
    const about = { title, world, file: output, format, devices, selected: ranks, steps: options.steps } as const;
    io.stdout.write(options.json === true ? jsonText(traceJson(shown, about)) : traceText(shown, about));
    return EXIT.ok;
  } finally {
    release();
    target.drop();
  }
};

const formatOf = ({ output, format, window }: TraceOptions): TraceFormat => {
  const reading = formatFor(output, format ?? null);
  if (reading.kind === 'misfit') throw new Refusal(EXIT.usage, `error: ${reading.message}`);
  if (reading.format === 'chakra' && window !== undefined)
    throw new Refusal(EXIT.usage, 'error: --window: a Chakra trace is replayed from its start; wanted whole steps');
  return reading.format;
};

const ranksOf = ({ ranks = null }: { ranks?: Ranks }, { devices }: Job, format: TraceFormat): Ranks => {
  const stranger = [...(ranks ?? [])].find((rank) => rank >= devices);
  if (stranger !== undefined)
    throw new Refusal(EXIT.usage, `error: --ranks: there is no rank ${stranger}; wanted 0 to ${devices - 1}`);
  if (isPerRank(format) && ranks === null && devices > FILES_MAX)
    throw new Refusal(
      EXIT.usage,
      `error: --format ${format} would write ${devices} files; wanted --ranks, such as --ranks 0-${FILES_MAX - 1}`,
    );
  return ranks;
};

/** What is written to: taken ahead of the work, and left as it was unless that comes to its end. */
interface Target {
  readonly write: (trace: Trace, subject: Subject, numbered: Numbered) => void;
  readonly drop: () => void;
}
const targetOf = (output: string, format: TraceFormat, { folder }: Io): Target => {
  const place = { folder, mark: TIMELINE };
  if (format === 'kineto' || format === 'chakra') {
    const files = new NewFolder(output, place);
    const write: Target['write'] = (trace, subject, numbered) =>
      files.write(rankFiles(trace, subject, { ...numbered, format }));
    return { write, drop: () => files.drop() };
  }
  const file = new NewFile(output, place);
  return { write: (trace, subject) => file.write(wholeFile(trace, subject, format)), drop: () => file.drop() };
};

/** As much as this process has room for, about a minute's work: an entry takes half a kilobyte until it is written. */
const ENTRIES_MAX = 4e6;

const simulated = (job: Job, steps: number): Trace => {
  try {
    return message(job, CALM, { itinerary: stepsAlone(steps), isDetailed: true, entriesMax: ENTRIES_MAX }).trace;
  } catch (error) {
    if (!(error instanceof TraceTooLong)) throw error;
    const most = formatInteger(error.entriesMax);
    throw new Refusal(
      EXIT.infeasible,
      `error: more than ${most} things happen in ${steps === 1 ? 'the step' : `${steps} steps`} of ${job.devices} ranks; wanted fewer steps, ranks, layers or microbatches`,
    );
  }
};
