#!/usr/bin/env node
/** The process: its arguments, its streams and its exit code, and nothing that could be tested without it. */
import process from 'node:process';
import { main } from './command-line.ts';
import { EXIT } from './exit.ts';
import type { Io, Sink } from './io.ts';

const sink = (stream: NodeJS.WriteStream): Sink => ({
  write: (text) => {
    stream.write(text);
  },
  isTerminal: stream.isTTY,
  // Not a terminal, or one that does not know its size.
  columns: stream.columns > 0 ? stream.columns : 80,
});

const io: Io = {
  stdout: sink(process.stdout),
  stderr: sink(process.stderr),
  environment: process.env,
  folder: process.cwd(),
  onInterrupt: (listener) => {
    process.on('SIGINT', listener);
    return () => process.off('SIGINT', listener);
  },
  halt: (code) => process.exit(code),
};

// Whoever reads us may have seen enough (`angel-sim plan ... | head`): that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`angel-sim: the answer could not be written: ${error.message}\n`);
  process.exit(EXIT.internal);
});
// A complaint that nobody can hear is still the exit code.
process.stderr.on('error', () => undefined);

// The code is set, not forced: what is still on its way to a pipe arrives.
process.exitCode = await main(process.argv.slice(2), io);
