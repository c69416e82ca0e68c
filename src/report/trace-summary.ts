/** What is in a trace that was written, in words and as JSON. */
import { z } from 'zod';
import type { Trace } from '../effects/trace.ts';
import { formatBytes, formatInteger, formatSeconds } from '../units/format.ts';
import type { Instant } from '../units/quantity.ts';
import { between, bytes, instantZero, latest } from '../units/quantity.ts';
import { TRACE_FORMATS } from './trace/format.ts';
import type { Ranks } from './trace/selection.ts';

export const traceSchema = z
  .strictObject({
    schema: z.literal('angel-sim.trace/1'),
    title: z.string(),
    world: z.enum(['simulated', 'real']),
    file: z.string().meta({ description: 'what was written: a file, or a folder with a file for each rank' }),
    format: z.enum(TRACE_FORMATS),
    devices: z.int().positive(),
    ranks: z.int().positive().meta({ description: 'devices of which it is a trace' }),
    steps: z.int().positive(),
    spans: z.int().nonnegative().meta({ description: 'of these ranks, as the rest' }),
    collectives: z.int().nonnegative(),
    messages: z.int().nonnegative().meta({ description: 'sent or received' }),
    message_bytes: z.int().nonnegative(),
    seconds: z.number().nonnegative().meta({ description: 'from the start to the end of the last span or message' }),
  })
  .meta({ title: 'angel-sim trace', description: 'What `angel-sim trace --json` prints.' });
type TraceSummary = z.infer<typeof traceSchema>;

interface About extends Pick<TraceSummary, 'title' | 'world' | 'file' | 'format' | 'devices' | 'steps'> {
  readonly selected: Ranks;
}

export const traceJson = (trace: Trace, { selected, devices, ...about }: About): TraceSummary => {
  const isShown = (rank: number): boolean => selected === null || selected.has(rank);
  const messages = trace
    .filter((entry) => entry.kind === 'message')
    .filter(({ from, to }) => isShown(from) || isShown(to));
  const countOf = (kind: 'span' | 'collective'): number =>
    trace.filter((entry) => entry.kind === kind && isShown(entry.rank)).length;
  return {
    schema: 'angel-sim.trace/1',
    ...about,
    devices,
    ranks: selected === null ? devices : [...selected].filter((rank) => rank < devices).length,
    spans: countOf('span'),
    collectives: countOf('collective'),
    messages: messages.length,
    message_bytes: Math.round(messages.reduce((total, { size }) => total + size, 0)),
    seconds: between(instantZero, endOf(trace)),
  };
};

const endOf = (trace: Trace): Instant =>
  trace.reduce<Instant>((last, entry) => {
    if (entry.kind === 'span') return latest(last, entry.end);
    return entry.kind === 'message' ? latest(last, entry.arrived) : last;
  }, instantZero);

export const traceText = (trace: Trace, about: About): string => {
  const { world, file, format, steps, devices, ranks, ...counts } = traceJson(trace, about);
  const took = formatSeconds(between(instantZero, endOf(trace)));
  const whose = ranks === devices ? counted(devices, 'rank') : `${formatInteger(ranks)} of ${counted(devices, 'rank')}`;
  const size = formatBytes(bytes(counts.message_bytes));
  const lines = [
    `${file}: ${counted(steps, 'step')} of ${whose}, ${world}, over ${took}.`,
    `${counted(counts.spans, 'span')}, ${counted(counts.collectives, 'collective')}, and ${counted(counts.messages, 'message')} of ${size} together. ${NEXT[format]}`,
  ];
  return `${lines.join('\n')}\n`;
};

const NEXT: Readonly<Record<TraceSummary['format'], string>> = {
  pftrace: 'Open it at https://ui.perfetto.dev.',
  chrome: 'Open it at https://ui.perfetto.dev.',
  kineto: 'Each file is what PyTorch’s profiler writes of a rank.',
  chakra: 'Each file is a Chakra execution trace of a rank.',
};

const counted = (count: number, noun: string): string => `${formatInteger(count)} ${noun}${count === 1 ? '' : 's'}`;
