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

/** What the system asks a process to end with, and the exit code that says by which. */
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof SIGNALS;
/** The first that was heard. */
const heard: { signal: Signal | null } = { signal: null };
const codeFor = (code: number): number =>
  code === EXIT.interrupted && heard.signal !== null ? SIGNALS[heard.signal] : code;

/** A terminal that closes hangs up more than once: only a user who interrupts again insists. */
const onSignals = (listener: () => void): (() => void) => {
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const on = (): void => {
      const isRepeated = heard.signal !== null;
      heard.signal ??= signal;
      if (signal === 'SIGINT' || !isRepeated) listener();
    };
    process.on(signal, on);
    return { signal, on };
  });
  return () => listeners.forEach(({ signal, on }) => process.off(signal, on));
};

const io: Io = {
  stdout: sink(process.stdout),
  stderr: sink(process.stderr),
  environment: process.env,
  folder: process.cwd(),
  onInterrupt: onSignals,
  halt: (code) => process.exit(codeFor(code)),
};

// Whoever reads us may have seen enough (`angel-sim plan ... | head`): that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  // The terminal that would have shown it is closed.
  if (heard.signal === 'SIGHUP') process.exit(SIGNALS.SIGHUP);
  process.stderr.write(`angel-sim: the answer could not be written: ${error.message}\n`);
  process.exit(EXIT.internal);
});
// A complaint that nobody can hear is still the exit code.
process.stderr.on('error', () => undefined);

// The code is set, not forced: what is still on its way to a pipe arrives.
process.exitCode = codeFor(await main(process.argv.slice(2), io));
