/** What is in a timeline that was written, in words and as JSON. */
import { z } from 'zod';
import type { Trace } from '../effects/trace.ts';
import { formatBytes, formatInteger, formatSeconds } from '../units/format.ts';
import type { Instant } from '../units/quantity.ts';
import { between, bytes, instantZero, latest } from '../units/quantity.ts';

export const traceSchema = z
  .strictObject({
    schema: z.literal('angel-sim.trace/1'),
    title: z.string(),
    world: z.enum(['simulated', 'real']),
    file: z.string().meta({ description: 'the timeline that was written: Chrome trace JSON' }),
    devices: z.int().positive(),
    steps: z.int().positive(),
    spans: z.int().nonnegative(),
    messages: z.int().nonnegative(),
    message_bytes: z.int().nonnegative(),
    seconds: z.number().nonnegative().meta({ description: 'from the start to the end of the last span or message' }),
  })
  .meta({ title: 'angel-sim trace', description: 'What `angel-sim trace --json` prints.' });
type TraceSummary = z.infer<typeof traceSchema>;

type About = Pick<TraceSummary, 'title' | 'world' | 'file' | 'devices' | 'steps'>;

export const traceJson = (trace: Trace, { title, world, file, devices, steps }: About): TraceSummary => {
  const messages = trace.filter((entry) => entry.kind === 'message');
  return {
    schema: 'angel-sim.trace/1',
    title,
    world,
    file,
    devices,
    steps,
    spans: trace.filter(({ kind }) => kind === 'span').length,
    messages: messages.length,
    message_bytes: messages.reduce((total, { size }) => total + size, 0),
    seconds: between(instantZero, endOf(trace)),
  };
};

const endOf = (trace: Trace): Instant =>
  trace.reduce<Instant>((last, entry) => {
    if (entry.kind === 'span') return latest(last, entry.end);
    return entry.kind === 'message' ? latest(last, entry.arrived) : last;
  }, instantZero);

export const traceText = (trace: Trace, about: About): string => {
  const { world, file, devices, steps, spans, messages, message_bytes } = traceJson(trace, about);
  const took = formatSeconds(between(instantZero, endOf(trace)));
  const lines = [
    `${file}: ${counted(steps, 'step')} of ${counted(devices, 'rank')}, ${world}, over ${took}.`,
    `${counted(spans, 'span')}, and ${counted(messages, 'message')} of ${formatBytes(bytes(message_bytes))} together. Open it at https://ui.perfetto.dev.`,
  ];
  return `${lines.join('\n')}\n`;
};

const counted = (count: number, noun: string): string => `${formatInteger(count)} ${noun}${count === 1 ? '' : 's'}`;
