/** What each entry of a trace looks like on a rank's timeline, and on which of its lanes. */
import { COLLECTIVE_TAGS } from '../../collectives/ring.ts';
import type {
  Branch,
  Choice,
  Combining,
  Held,
  Message,
  Passage,
  Receipt,
  Span,
  TraceEntry,
} from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';
import { aboutCombining, aboutMessage, aboutReceipt, aboutSpan } from './words.ts';
import type { Words } from './words.ts';

export interface Slice {
  readonly category: 'span' | 'collective' | 'wait' | 'message' | 'state';
  readonly name: string;
  readonly start: Instant;
  readonly end: Instant;
  readonly words: Words;
  /** The arrow of a message whose other end is shown too. */
  readonly flow: Flow | null;
}
export interface Flow {
  readonly id: number;
  readonly end: 'from' | 'to';
  readonly axis: string;
}
/** An entry of the trace as one rank sees it; `flow` names a message whose both ends are shown. */
export interface Drawn {
  readonly entry: TraceEntry;
  readonly rank: number;
  readonly flow: number | null;
}

export interface Laid {
  readonly lane: string;
  readonly slice: Slice;
}

export const laid = ({ entry, rank, flow }: Drawn): readonly Laid[] => {
  if (isAside(entry)) return [];
  switch (entry.kind) {
    case 'span':
      return [spent(entry)];
    case 'collective':
      return [combined(entry)];
    case 'receipt':
      return waited(entry);
    case 'message':
      return marks(entry, rank, flow);
    case 'passage':
      return [{ lane: laneOfLife(entry), slice: stateFrom(entry, entry.at) }];
    default:
      return entry satisfies never;
  }
};

/** Memory is drawn as counters; what strands do among themselves is nothing to look at. */
export const isAside = (entry: TraceEntry): entry is Held | Choice | Branch =>
  ['memory', 'choice', 'fork', 'join'].includes(entry.kind);

const spent = (span: Span): Laid => {
  const { lane, name, start, end } = span;
  return { lane, slice: { category: 'span', name, start, end, words: aboutSpan(span), flow: null } };
};
const combined = (combining: Combining): Laid => {
  const { operation: name, start, end, group } = combining;
  const slice = { category: 'collective', name, start, end, words: aboutCombining(combining), flow: null } as const;
  return { lane: `${group.axis} collectives`, slice };
};
/** Within a collective it is the collective that waits. */
const waited = (receipt: Receipt): readonly Laid[] => {
  const { from, axis, tag, asked, at } = receipt;
  if (asked === undefined || asked === at || isOfCollective(tag)) return [];
  const slice = { category: 'wait', name: `${axis} from ${from}`, start: asked, end: at, flow: null } as const;
  return [{ lane: 'waits', slice: { ...slice, words: aboutReceipt(receipt) } }];
};

export const isOfCollective = (tag: number): boolean => tag >= 0 && tag < COLLECTIVE_TAGS;

/** Where the message was sent, or where it arrived. */
const marks = (message: Message, rank: number, flow: number | null): readonly Laid[] => {
  const { from, to, axis, sent, arrived } = message;
  const words = aboutMessage(message);
  const mark = (end: Flow['end'], name: string, at: Instant): Slice => ({
    category: 'message',
    name,
    start: at,
    end: at,
    words,
    flow: flow === null ? null : { id: flow, end, axis },
  });
  return rank === from
    ? [{ lane: 'sent', slice: mark('from', `${axis} to ${to}`, sent) }]
    : [{ lane: 'arrived', slice: mark('to', `${axis} from ${from}`, arrived) }];
};

const laneOfLife = ({ subject }: Passage): string => `life of the ${subject}`;
const stateFrom = ({ from, event, to: name, at }: Passage, end: Instant): Slice => ({
  category: 'state',
  name,
  start: at,
  end,
  words: { from, event },
  flow: null,
});
