/** `angel-sim trace`: the timeline of a job in either world, as a file that ui.perfetto.dev opens. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Trace } from '../effects/trace.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { KERNELS } from '../exec/training/order.ts';
import { jsonText } from '../report/json.ts';
import { behindSteps } from '../report/late-trace.ts';
import { TIMELINE, timelineText } from '../report/timeline.ts';
import { traceJson, traceText } from '../report/trace-summary.ts';
import type { Job } from '../scenario/job.ts';
import { CALM, message } from '../sim/message.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { NewFile } from './new-file.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readPlaced } from './question.ts';
import { followedJob, realJob, SKIPPED, stepsAlone, trainSteps } from './real-job.ts';
import { wholeNumber } from './whole-number.ts';

const WORLDS = ['sim', 'real'] as const;
/** Steps that fit on a screen; a file of many more is slow to open. */
const STEPS_MAX = 100;

interface TraceOptions extends QuestionOptions {
  readonly output: string;
  readonly world: (typeof WORLDS)[number];
  readonly steps: number;
  readonly skip?: number;
  readonly kernels: KernelChoice;
  readonly json?: boolean;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command, 'fixed')
    .requiredOption('-o, --output <t.json>', 'the file to write')
    .addOption(new Option('--world <which>', 'simulated, or trained on this machine').choices(WORLDS).default('sim'))
    .option('--steps <n>', 'training steps to show', wholeNumber(1, STEPS_MAX), 2)
    .option('--skip <n>', `steps ahead of them (default: ${SKIPPED} in the real world)`, wholeNumber(0, STEPS_MAX))
    .addOption(new Option('--kernels <who>', 'who multiplies in the real world').choices(KERNELS).default('auto'))
    .option('--json', 'print what is in the file as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  angel-sim trace scenarios/runs/tiny-gpt-2x2x2.yaml --world real -o t.json\nand open t.json at https://ui.perfetto.dev.',
    )
    .action(async (file: string | undefined, options: TraceOptions) => end(await trace(file, options, io)));
};

const trace = async (file: string | undefined, options: TraceOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const placed = readPlaced(file, { options, verb: 'traced', io });
  const isReal = options.world === 'real';
  const { job, corpus } = isReal
    ? await realJob(placed, { file, verb: 'traced', io })
    : { job: followedJob(placed, { verb: 'traced' }), corpus: null };
  const { output, kernels, skip = isReal ? SKIPPED : 0 } = options;
  const written = new NewFile(output, { folder: io.folder, mark: TIMELINE });
  const release = io.onInterrupt(() => {
    written.drop();
    io.halt(EXIT.interrupted);
  });
  try {
    const { devices, cluster } = job;
    const steps = skip + options.steps;
    const happened =
      corpus === null
        ? simulated(job, steps)
        : (await trainSteps(job, { corpus, steps, kernels, isTraced: true, io })).trained.trace;
    const shown = behindSteps(happened, { devices, steps }, skip);
    const { title } = placed.scenario;
    const world = isReal ? 'real' : 'simulated';
    const hasDevices = !isReal && cluster.cores === null;
    written.write(timelineText(shown, { title, world, devices, hasDevices }));
    const about = { title, world, file: output, devices, steps: options.steps } as const;
    io.stdout.write(options.json === true ? jsonText(traceJson(shown, about)) : traceText(shown, about));
    return EXIT.ok;
  } finally {
    release();
    written.drop();
  }
};

const simulated = (job: Job, steps: number): Trace => message(job, CALM, { itinerary: stepsAlone(steps) }).trace;
