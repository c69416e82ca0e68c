/** Which command is asked for, and how its end becomes an exit code. Only the one asked for is loaded. */
import { Command, CommanderError } from 'commander';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { isDebugging } from './io.ts';
import { version } from './package-folder.ts';

/** What a command's file exports: its arguments and options, and what it does with them. */
interface CommandFile {
  readonly define: (command: Command, io: Io, end: (code: number) => void) => void;
}
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandFile>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'plan',
    summary: 'search the best layouts for a training run',
    load: () => import('./plan.ts'),
  },
  {
    name: 'simulate',
    summary: 'one fixed layout, term by term',
    load: () => import('./simulate.ts'),
  },
  {
    name: 'job',
    summary: 'the whole run, with failures, recoveries and checkpoints: days and dollars as a range',
    load: () => import('./job.ts'),
  },
  {
    name: 'run',
    summary: 'train a model for real on this machine, with the actors that plan simulates',
    load: () => import('./run.ts'),
  },
  {
    name: 'export',
    summary: 'a checkpoint of a run as a Hugging Face model',
    load: () => import('./export.ts'),
  },
  {
    name: 'compare',
    summary: 'one scenario in both worlds, side by side',
    load: () => import('./compare.ts'),
  },
  {
    name: 'trace',
    summary: 'the timeline of either world, for ui.perfetto.dev',
    load: () => import('./trace.ts'),
  },
  {
    name: 'validate',
    summary: 'predictions beside published measurements, row by row',
    load: () => import('./validate.ts'),
  },
  {
    name: 'calibrate',
    summary: 'measure this machine into a cluster file',
    load: () => import('./calibrate.ts'),
  },
  {
    name: 'schema',
    summary: 'the JSON Schema of what angel-sim reads or prints',
    load: () => import('./schema.ts'),
  },
  {
    name: 'doctor',
    summary: 'what this machine can do, what is missing and how to install it',
    load: () => import('./doctor.ts'),
  },
];

/** Runs the command line `argv` (without node and the script) and answers its exit code. Never throws. */
export const main = async (argv: readonly string[], io: Io): Promise<number> => {
  let code: number = EXIT.ok;
  try {
    const program = await programFor(argv, io, (ended) => {
      code = ended;
    });
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    return explainError(error, io);
  }
};

const programFor = async (argv: readonly string[], io: Io, end: (code: number) => void): Promise<Command> => {
  const program = new Command('angel-sim')
    .description(
      'Plan the training of large models: which layout, how long, will it fit, what does it cost. And train small ones here, for real.',
    )
    .version(version())
    // What stands behind a command belongs to it, or to a command of its own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns,
      getErrHelpWidth: () => io.stderr.columns,
    })
    .addHelpText(
      'after',
      '\nangel-sim COMMAND --help tells more. Start with:' +
        '\n  angel-sim plan scenarios/runs/example.yaml' +
        '\n  angel-sim run scenarios/runs/tiny-gpt.yaml',
    );
  const asked = argv.filter((word) => word !== 'help')[0];
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary);
    if (name === asked) (await load()).define(command, io, end);
  }
  return program;
};

/** commander has already said what was wrong; a refusal says it here; the rest is our fault and says so. */
const explainError = (error: unknown, io: Io): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Refusal) {
    io.stderr.write(`${error.message}\n`);
    return error.code;
  }
  const message = error instanceof Error ? error.message : String(error);
  io.stderr.write(`angel-sim failed, and the mistake is in angel-sim: ${message}\n`);
  if (isDebugging(io)) io.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  else io.stderr.write('Please report it with this command line, its scenario and what DEBUG=1 adds here.\n');
  return EXIT.internal;
};
