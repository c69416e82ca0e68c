/** `angel-sim run`: trains a model for real on this machine, with the actors that `plan` simulates. */
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { Subject } from 'rxjs';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { CheckpointFault } from '../exec/checkpoint/fault.ts';
import { latestIn, openFolder } from '../exec/checkpoint/folder.ts';
import type { Manifest } from '../exec/checkpoint/manifest.ts';
import { refuseOther, verify } from '../exec/checkpoint/verify.ts';
import type { Corpus } from '../exec/data/corpus.ts';
import { loadCorpus } from '../exec/data/load-corpus.ts';
import { RankFailure } from '../exec/launch.ts';
import type { Observation } from '../exec/training/observation.ts';
import { gradientNormOf, lossOf } from '../exec/training/observation.ts';
import type { KernelChoice, Origin, Saving } from '../exec/training/order.ts';
import { KERNELS } from '../exec/training/order.ts';
import type { JobRun } from '../exec/training/run-job.ts';
import { checkpointStep, runJob } from '../exec/training/run-job.ts';
import type { TrainedRank } from '../exec/training/train.ts';
import { unsupported } from '../exec/training/supported.ts';
import { tensorsOf } from '../model/shares.ts';
import { jobsOf } from '../plan/explain.ts';
import type { RunProgress, StepReport } from '../report/run-progress.ts';
import { RunWatch } from '../report/run-progress.ts';
import type { RankSummary, RunSummary } from '../report/run-text.ts';
import { runJson, runText } from '../report/run-text.ts';
import { jsonText } from '../report/json.ts';
import type { Job } from '../scenario/job.ts';
import type { Tokenizer } from '../scenario/real-run.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { rank } from '../units/identity.ts';
import { bytes, seconds } from '../units/quantity.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { isWatched } from './io.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';
import { showRun } from './run-line.ts';
import { RunRecord } from './run-record.ts';

interface RunOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly steps?: number;
  readonly output?: string;
  readonly fresh?: boolean;
  readonly resume?: string;
  readonly from?: string;
  readonly kernels: KernelChoice;
  readonly drill?: Drill;
}

/** A thread that is ended on purpose, once that step is done. */
interface Drill {
  readonly rank: number;
  readonly step: number;
}

/** Ranks that this machine is meant to run at once. */
const RANKS_MAX = 16;

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command)
    .option('--steps <n>', 'steps to train, instead of train.steps', wholeNumber)
    .option('-o, --output <folder>', 'where the loss curve goes: loss.csv, loss.svg, events for TensorBoard')
    .option('--fresh', 'begin anew although there is a checkpoint')
    .option('--resume <checkpoint>', 'go on from that checkpoint; without it from the last one of checkpoint.folder')
    .option('--from <folder>', 'begin with the weights of a Hugging Face model: config.json and model.safetensors')
    .addOption(
      new Option('--kernels <who>', 'who multiplies: a library of this machine if there is one, or our own kernels')
        .choices(KERNELS)
        .default('auto'),
    )
    .option('--drill <rank@step>', 'end the thread of that rank behind that step, to see the run recover', drill)
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  angel-sim run scenarios/runs/tiny-gpt.yaml\n  angel-sim run scenarios/runs/tiny-gpt-2x2x2.yaml --steps 100 --drill 3@50',
    )
    .action(async (file: string | undefined, options: RunOptions) => end(await run(file, options, io)));
};

const wholeNumber = (text: string): number => {
  if (!/^[1-9]\d*$/u.test(text)) throw new InvalidArgumentError('wanted a whole number of at least 1.');
  return Number(text);
};
const drill = (text: string): Drill => {
  const { rank: who, step } = /^(?<rank>\d+)@(?<step>[1-9]\d*)$/u.exec(text)?.groups ?? {};
  if (who === undefined || step === undefined) throw new InvalidArgumentError('wanted rank@step, such as 1@50.');
  return { rank: Number(who), step: Number(step) };
};

const run = async (file: string | undefined, options: RunOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const scenario = withSteps(readQuestion(file, { options, verb: 'run', io }), options.steps);
  const job = theJob(scenario, options);
  const corpus = await readCorpus(scenario, { file, io });
  const name = runName(scenario, file);
  const saving = savingOf(scenario, { name, corpus, io });
  const start = whereToStart({ job, saving, options, io });
  if (start.first > job.training.steps) {
    io.stderr.write(
      `${start.what} is of step ${start.first - 1}, and the run has ${job.training.steps} steps: done.\n`,
    );
    return EXIT.ok;
  }
  const folder = resolve(io.folder, options.output ?? scenario.output ?? join('runs', name));
  return await trainAndTell({ scenario, job, corpus, saving, start, folder, options, io, name });
};

const withSteps = (scenario: Scenario, steps: number | undefined): Scenario =>
  steps === undefined ? scenario : { ...scenario, training: { ...scenario.training, steps } };

/** A run has one layout; one that could have several was meant for `plan`. */
const theJob = (scenario: Scenario, { drill: asked }: RunOptions): Job => {
  const jobs = jobsOf(scenario, {});
  const [job] = jobs;
  if (job === undefined)
    throw new Refusal(EXIT.infeasible, 'no layout that the scenario allows is legal: ask `angel-sim plan` why');
  const refuse = (lines: readonly string[]): Refusal =>
    new Refusal(EXIT.usage, lines.map((line) => `error: ${line}`).join('\n'));
  if (jobs.length > 1)
    throw refuse([
      `the scenario allows ${jobs.length} layouts; wanted one: fix layout, precision and recompute (\`angel-sim plan\` finds the best)`,
    ]);
  const complaints = [
    ...unsupported(job),
    ...(job.devices > RANKS_MAX
      ? [`devices: ${job.devices} are too many threads for one machine; wanted up to ${RANKS_MAX}`]
      : []),
    ...(asked !== undefined && asked.rank >= job.devices
      ? [`--drill: there is no rank ${asked.rank}; wanted 0 to ${job.devices - 1}`]
      : []),
  ];
  if (complaints.length > 0) throw refuse(complaints);
  return job;
};

const readCorpus = async (scenario: Scenario, { file, io }: { file: string | undefined; io: Io }): Promise<Corpus> => {
  const folders = [...(file === undefined ? [] : [resolve(io.folder, dirname(file))]), io.folder];
  const reading = await loadCorpus(scenario, folders);
  if (reading.kind === 'corpus') return reading.corpus;
  throw new Refusal(EXIT.badInput, [...reading.complaints, 'Nothing was run.'].join('\n'));
};

/** Letters, digits and dashes, the same each time that the scenario is run. */
const runName = ({ model }: Scenario, file: string | undefined): string => {
  const name = file === undefined || file === '-' ? model.name : basename(file).replace(/\.ya?ml$/u, '');
  return name.replaceAll(/[^\w-]+/gu, '-');
};

const tokenizerName = (tokenizer: Tokenizer): string => (tokenizer.kind === 'named' ? tokenizer.name : tokenizer.path);

const savingOf = (
  { checkpoint, data }: Scenario,
  { name, corpus, io }: { name: string; corpus: Corpus; io: Io },
): Saving | null => {
  if (checkpoint === null) return null;
  const folder = resolve(io.folder, checkpoint.folder);
  inWords(() => openFolder({ disk: localDisk, path: folder, run: name }));
  const tokenizer = `${tokenizerName(data.tokenizer)}, text ${corpus.fingerprint.slice(0, 16)}`;
  return { folder, run: name, keep: checkpoint.keep, tokenizer };
};

/** What goes wrong with files is said in words, and is not a mistake of ours. */
const inWords = <Result>(act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    if (error instanceof CheckpointFault) throw new Refusal(EXIT.badInput, `error: ${error.message}`);
    throw error;
  }
};

interface Start {
  readonly origin: Origin;
  readonly first: number;
  readonly what: string;
}

const whereToStart = ({
  job,
  saving,
  options,
  io,
}: {
  job: Job;
  saving: Saving | null;
  options: RunOptions;
  io: Io;
}): Start => {
  const asked = [options.fresh, options.resume, options.from].filter((option) => option !== undefined);
  if (asked.length > 1) throw new Refusal(EXIT.usage, 'error: --fresh, --resume and --from exclude each other');
  if (options.from !== undefined)
    return { origin: { kind: 'published', path: resolve(io.folder, options.from) }, first: 1, what: options.from };
  const found =
    options.resume !== undefined
      ? resolve(io.folder, options.resume)
      : saving === null || options.fresh === true
        ? null
        : latestIn(localDisk, saving.folder);
  if (found === null) return { origin: { kind: 'seed', seed: job.training.seed }, first: 1, what: 'the seed' };
  return inWords(() => {
    const manifest = verify(localDisk, found);
    refuseOthers(found, manifest, { job, saving });
    const step = checkpointStep(found);
    return { origin: { kind: 'checkpoint', path: found }, first: step + 1, what: found };
  });
};

const refuseOthers = (path: string, manifest: Manifest, { job, saving }: { job: Job; saving: Saving | null }): void => {
  const tokenizer = saving?.tokenizer ?? manifest.progress.tokenizer;
  refuseOther(path, manifest, { model: job.model, tokenizer, shapes: tensorsOf(job.model) });
  const { sequence, step } = manifest.progress;
  const expected = step * job.workload.globalBatch;
  if (sequence !== expected)
    throw new CheckpointFault(
      `${path} is ${sequence} sequences into the data, and a run with workload.globalBatch ${job.workload.globalBatch} would be ${expected}: wanted the same batch, or --fresh`,
    );
};

interface Everything {
  readonly scenario: Scenario;
  readonly job: Job;
  readonly corpus: Corpus;
  readonly saving: Saving | null;
  readonly start: Start;
  readonly folder: string;
  readonly options: RunOptions;
  readonly io: Io;
  readonly name: string;
}

const trainAndTell = async (all: Everything): Promise<number> => {
  const { job, corpus, saving, start, folder, options, io, scenario, name } = all;
  const { training } = job;
  const itinerary = {
    first: start.first,
    last: training.steps,
    validatesEvery: training.validation?.every ?? null,
    savesEvery: saving === null ? null : (scenario.checkpoint?.every ?? null),
  };
  const isSeen = isWatched(io);
  const progress = new Subject<RunProgress>();
  const line = isSeen ? showRun(progress, io.stderr) : null;
  const say = (text: string): void => io.stderr.write(isSeen ? `\r\u001b[K${text}\n` : `${text}\n`);
  if (start.first > 1 && isSeen) say(`going on behind step ${start.first - 1}, from ${start.what}`);
  const watch = new RunWatch(job, start.first - 1);
  const state = { backend: '', recoveries: 0, drill: options.drill, record: new RunRecord(folder, start.first - 1) };
  const drillIfDue = (step: number): void => {
    if (state.drill === undefined || step < state.drill.step) return;
    running.kill(rank(state.drill.rank));
    state.drill = undefined;
  };
  const startedAt = performance.now();
  const running: JobRun = runJob(
    { job, itinerary, origin: start.origin, saving, kernels: options.kernels, isTimed: true, corpus },
    {
      onObservation: (observation) => {
        const row = watch.heard(reportOf(job, observation));
        if (row !== null) state.record.add({ row, devices: job.devices, peakMemory: null });
        progress.next(watch.progress);
        drillIfDue(observation.step);
      },
      onBackend: (backend) => {
        state.backend = backend;
      },
      onRecovery: ({ failure, step }) => {
        say(`${failure.message}; the run goes on ${step === 0 ? 'from its start' : `behind step ${step}`}`);
        state.recoveries++;
        state.record.close(name);
        watch.rewind(step);
        state.record = new RunRecord(folder, step);
      },
    },
  );
  const release = io.onInterrupt(interrupted(running, { io, saving }));
  try {
    const { isComplete, step: last, trained } = await running.ended;
    line?.unsubscribe();
    state.record.close(name);
    const summary: RunSummary = {
      title: scenario.title,
      job,
      backend: state.backend,
      isComplete,
      first: start.first,
      last,
      elapsed: seconds((performance.now() - startedAt) / 1e3),
      rows: state.record.rows,
      recoveries: state.recoveries,
      ranks: trained.ranks.map((each) => rankSummary(each)),
      folder,
      checkpoints: saving?.folder ?? null,
    };
    io.stdout.write(options.json === true ? jsonText(runJson(summary)) : runText(summary, paintFor(io)));
    return isComplete ? EXIT.ok : EXIT.interrupted;
  } catch (error) {
    throw explained(error);
  } finally {
    release();
    line?.unsubscribe();
  }
};

const reportOf = (job: Job, observation: Observation): StepReport => ({
  subject: observation.subject,
  step: observation.step,
  loss: lossOf(job, observation),
  gradientNorm: gradientNormOf(job, observation),
  at: seconds(observation.at / 1e9),
});

const rankSummary = ({ memory, arenaPeak, profile, seconds: total }: TrainedRank): RankSummary => {
  const known = profile?.seconds ?? { matrix: 0, attention: 0, vector: 0, optimizer: 0 };
  const computing = known.matrix + known.attention + known.vector + known.optimizer;
  const other = profile === null ? 0 : Math.max(0, total - computing);
  const { matrix, attention, vector, optimizer } = known;
  return {
    allocated: bytes(memory.peak),
    held: bytes(arenaPeak),
    phases: {
      matrix: seconds(matrix),
      attention: seconds(attention),
      vector: seconds(vector),
      optimizer: seconds(optimizer),
      other: seconds(other),
    },
  };
};

/** The first interruption ends the run behind its step, the second at once. */
const interrupted = (job: JobRun, { io, saving }: { io: Io; saving: Saving | null }): (() => void) => {
  let isAsked = false;
  return () => {
    if (isAsked) return io.halt(EXIT.interrupted);
    isAsked = true;
    const saved = saving === null ? '' : ', with a checkpoint';
    io.stderr.write(`\nstopping behind this step${saved}; interrupt again to stop at once\n`);
    job.stop();
  };
};

/** A rank that cannot save says so in words; anything else that ranks die of, again and again, is shown as it is. */
const explained = (error: unknown): unknown =>
  error instanceof RankFailure && error.origin === 'CheckpointFault'
    ? new Refusal(EXIT.badInput, `error: ${error.message}`)
    : error;
