/** Laws of where a real run says how far it is, and of the help that leads there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import type { Io } from '../../src/cli/io.ts';
import { displayRun, LOG_MS } from '../../src/cli/run-line.ts';
import type { Phase, Phases } from '../../src/effects/phase.ts';
import { PHASES } from '../../src/effects/phase.ts';
import { runSchema } from '../../src/report/run-json.ts';
import type { RunProgress } from '../../src/report/run-progress.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import { totalRecord } from '../../src/units/total-record.ts';
import { eventsIn } from '../worlds/event-reader.ts';
import { into, place, start } from '../worlds/small-run.ts';

const phasesWith = (some: Partial<Record<Phase, number>>): Phases =>
  totalRecord(PHASES, (phase) => seconds(some[phase] ?? 0));

describe('while it trains, a run', () => {
  const ioOf = (isTerminal: boolean): { io: Io; text: () => string } => {
    const written: string[] = [];
    const sink = { write: (text: string) => void written.push(text), isTerminal, columns: 60 };
    const io: Io = {
      stdout: { ...sink, write: () => expect.fail('progress is no result') },
      stderr: sink,
      environment: {},
      folder: '.',
      onInterrupt: () => () => undefined,
      halt: () => undefined,
    };
    return { io, text: () => written.join('') };
  };
  const at = (step: number, more: Partial<RunProgress> = {}): RunProgress => ({
    step,
    steps: 1000,
    loss: 2,
    validation: null,
    savedStep: null,
    tokensPerSecond: 100,
    stepTime: seconds(0.1),
    phases: null,
    peakMemory: null,
    leftOut: 0,
    ...more,
  });

  it('writes to a file its first step, a line every so often, each validation and each checkpoint', () => {
    vi.useFakeTimers();
    try {
      const { io, text } = ioOf(false);
      const progress = new Subject<RunProgress>();
      const display = displayRun(progress, io);
      for (let step = 1; step <= 250; step++) {
        progress.next(at(step));
        vi.advanceTimersByTime(100);
      }
      const validation = { step: 250, loss: 1.5 };
      progress.next(at(250, { validation }));
      progress.next(at(250, { validation, savedStep: 250 }));
      progress.next(at(251, { validation, savedStep: 250 }));
      display.end();
      const lines = text().trimEnd().split('\n');
      expect(LOG_MS).toBe(10_000);
      expect(lines.map((line) => /^(?:step \d+|checkpoint.*)/u.exec(line)?.[0])).toEqual([
        'step 1',
        'step 101',
        'step 201',
        'step 250',
        'checkpoint of step 250 saved',
      ]);
      expect(lines[3]).toContain('validation 1.500 at step 250');
      expect(text()).not.toContain('\u001b');
    } finally {
      vi.useRealTimers();
    }
  });
  it('draws on a terminal two lines that fit, below whatever it says, and leaves none behind', () => {
    vi.useFakeTimers();
    const { io, text } = ioOf(true);
    const progress = new Subject<RunProgress>();
    const display = displayRun(progress, io);
    progress.next(at(1, { phases: phasesWith({ matrix: 0.06, waiting: 0.04 }), peakMemory: bytes(2 ** 20) }));
    expect(text()).toContain('1 of 1,000  loss 2.000, 100 tokens/s, ');
    expect(text()).toContain('\n  100.0 ms a step: products 60.0, idle 40.0 ms');
    display.say('a rank died');
    progress.next(at(2));
    vi.advanceTimersByTime(1000);
    display.end();
    vi.useRealTimers();
    const erase = '\r\u001b[K\u001b[A\r\u001b[K';
    const parts = text().split(erase);
    expect(parts).toHaveLength(3);
    expect(parts[1]).toMatch(/^a rank died\n\[ {10}\] 2 of 1,000 /u);
    for (const line of parts.join('\n').split('\n')) expect(line.length).toBeLessThan(60);
    expect(parts.at(-1)).toBe('');
  });
});

it('a real run of a few steps tells its progress on stderr, its result on stdout, and its memory to TensorBoard', async () => {
  const here = place();
  try {
    const started = start(here.folder, ['run', 'run.yaml', '--json', '--steps', '3', ...into('few')]);
    let log = '';
    started.child.stderr!.on('data', (text: Buffer) => (log += text.toString()));
    const { code, out, err } = await started.ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(log).toMatch(/^step 1 of 3: loss [^\n]+ a step[^\n]*\n[^]*^checkpoint of step 3 saved$/mu);
    const said = runSchema.parse(JSON.parse(out));
    for (const { seconds: spent, held_bytes: held, allocated_bytes: allocated } of said.ranks) {
      expect(spent!.matrix).toBeGreaterThan(0);
      expect(spent!.waiting).toBeGreaterThan(0);
      // Nothing of the 64 MiB that stand for a runtime.
      expect(allocated).toBeLessThan(2 ** 24);
      expect(held).toBeGreaterThan(0);
    }
    const [events] = readdirSync(join(here.folder, 'few', 'tensorboard'));
    const scalars = eventsIn(readFileSync(join(here.folder, 'few', 'tensorboard', events!))).map((one) => one.scalars);
    expect(scalars.at(-1)).toHaveProperty('memory/max_reserved(GiB)');
  } finally {
    here.remove();
  }
});

describe('the help', () => {
  const helpOf = async (...words: readonly string[]): Promise<string> => {
    const out: string[] = [];
    const sink = { write: (text: string) => void out.push(text), isTerminal: false, columns: 200 };
    const io = { stdout: sink, stderr: sink, environment: {}, folder: '.' };
    await main([...words, '--help'], { ...io, onInterrupt: () => () => undefined, halt: () => undefined });
    return out.join('');
  };
  it('of the program says that it trains, and how', async () => {
    expect(await helpOf()).toMatch(/train small ones[^]*angel-sim run scenarios/u);
  });
  it.each(['run', 'compare'])('of %s shows no flag that it refuses or that means nothing to it', async (command) => {
    const help = await helpOf(command);
    for (const word of ['--offload', '--search', 'a list to search', 'fp8']) expect(help).not.toContain(word);
    expect(help).toMatch(/--precision <name> +fp32, bf16 or fp16/u);
  });
  it('of plan shows them all', async () => {
    const help = await helpOf('plan');
    for (const word of ['--offload', '--search', 'a list to search', 'fp8']) expect(help).toContain(word);
  });
});
