/** What a rank did, as the nodes of a graph: each waits for what the program has it wait for, and for nothing else. */
import type { Operation } from '../../effects/effect.ts';
import { member, positionIn } from '../../effects/group.ts';
import { segmentLengthMax } from '../../effects/tensor.ts';
import type { Combining, Message, Receipt, Scene, Span, TraceEntry } from '../../effects/trace.ts';
import { sceneOf } from '../../effects/trace.ts';
import { DTYPE_BYTES } from '../../kernels/dtype.ts';
import { nameOf } from '../../kernels/op-name.ts';
import { costOf } from '../../kernels/op.ts';
import type { Instant } from '../../units/quantity.ts';
import { rank as rankOf } from '../../units/identity.ts';
import { Frontier } from './frontier.ts';
import type { GroupNumbers } from './groups.ts';
import { isAside, isOfCollective } from './slices.ts';
import { groupName } from './words.ts';

const TYPE = { compute: 4, send: 5, receive: 6, collective: 7 } as const;
/** A shift is no collective of the schema's: each rank sends to the next one. */
const COMM_TYPE: Readonly<Record<Exclude<Operation, 'shift'>, number>> = {
  'all-reduce': 0,
  'all-gather': 2,
  'all-to-all': 6,
  'reduce-scatter': 7,
};

/** `kind`: the field of the schema that readers look for its value in. */
interface Attribute {
  readonly name: string;
  readonly kind: 'int32' | 'int64' | 'uint64' | 'bool' | 'string';
  readonly value: number | boolean | string;
}
interface Draft {
  readonly name: string;
  readonly type: (typeof TYPE)[keyof typeof TYPE];
  readonly start: Instant;
  readonly end: Instant;
  readonly attributes: readonly Attribute[];
}
export interface ChakraNode extends Draft {
  readonly id: number;
  /** What has to be over before it begins: nodes with smaller numbers. */
  readonly after: readonly number[];
}

interface Around {
  readonly rank: number;
  readonly groups: GroupNumbers;
}

/** In the order in which they begin. */
export function* nodesOf(entries: readonly TraceEntry[], around: Around): Generator<ChakraNode> {
  const frontier = new Frontier();
  const counts = new Map<string, number>();
  let id = 0;
  for (const entry of entries.toSorted((a, b) => startOf(a) - startOf(b))) {
    if (entry.kind === 'fork') frontier.fork(entry.strand, entry.child);
    if (entry.kind === 'join') frontier.join(entry.strand, entry.child);
    const drafts = draftsOf(entry, { ...around, counts });
    if (drafts.length === 0) continue;
    const { strand } = sceneFor(entry);
    const after = frontier.of(strand);
    const ids = drafts.map(() => ++id);
    for (const [index, draft] of drafts.entries()) yield { ...draft, id: ids[index]!, after };
    frontier.advance(strand, ids);
  }
}

const startOf = (entry: TraceEntry): Instant => {
  if (entry.kind === 'span' || entry.kind === 'collective') return entry.start;
  if (entry.kind === 'message') return entry.sent;
  // A branch that is joined, and a letter that is read, count from then on.
  return entry.at;
};
const sceneFor = (entry: TraceEntry): Scene => {
  if (entry.kind === 'message') return sceneOf(entry.strand);
  return ('scene' in entry ? entry.scene : undefined) ?? sceneOf('');
};

interface Counting extends Around {
  /** Collectives of each kind so far. */
  readonly counts: Map<string, number>;
}

/** Messages of collectives, and what is said to the supervisor, are no nodes of their own. */
const draftsOf = (entry: TraceEntry, counting: Counting): readonly Draft[] => {
  if (isAside(entry)) return [];
  switch (entry.kind) {
    case 'span':
      return work(entry);
    case 'collective':
      return entry.group.size === 1 ? [] : combined(entry, counting);
    case 'message':
      return entry.from === counting.rank && isBetweenDevices(entry) ? [sent(entry)] : [];
    case 'receipt':
      return isBetweenDevices(entry) ? [received(entry)] : [];
    case 'passage':
      return [];
    default:
      return entry satisfies never;
  }
};

const isBetweenDevices = ({ axis, tag }: Message | Receipt): boolean => axis !== 'control' && !isOfCollective(tag);

/** Copies over the bus are work of the host: readers have no node for them that takes its time. */
const work = ({ lane, name, start, end, scene, op }: Span): readonly Draft[] => {
  if (scene?.isCollective === true || lane === 'idle' || lane === 'receive') return [];
  const cost = op === undefined ? null : costOf(op);
  const size =
    cost === null
      ? []
      : [
          { name: 'num_ops', kind: 'int64', value: cost.flops } as const,
          { name: 'tensor_size', kind: 'uint64', value: cost.traffic } as const,
        ];
  const attributes = [onHost(lane !== 'compute'), ...size, ...momentOf(scene)];
  return [{ name: op === undefined ? name : nameOf(op), type: TYPE.compute, start, end, attributes }];
};

const combined = (combining: Combining, counting: Counting): readonly Draft[] => {
  const { operation, group, dtype, elements, start, end, scene } = combining;
  const { number } = counting.groups.get(groupName(group))!;
  const key = `${number} ${operation}`;
  const tag = counting.counts.get(key) ?? 0;
  counting.counts.set(key, tag + 1);
  // What each rank brings: of a gather its share.
  const own = operation === 'all-gather' ? segmentLengthMax(elements, group.size) : elements;
  const common = [
    onHost(false),
    { name: 'comm_size', kind: 'int64', value: own * DTYPE_BYTES[dtype] } as const,
    { name: 'pg_name', kind: 'string', value: String(number) } as const,
    ...momentOf(scene),
  ];
  if (operation !== 'shift') {
    const attributes = [
      ...common,
      { name: 'comm_type', kind: 'int64', value: COMM_TYPE[operation] } as const,
      { name: 'comm_tag', kind: 'int32', value: tag } as const,
    ];
    return [{ name: operation, type: TYPE.collective, start, end, attributes }];
  }
  const position = positionIn(group, rankOf(counting.rank));
  const at = (place: number): number => member(group, (place + group.size) % group.size);
  const ends = { source: counting.rank, target: at(position + 1), tag: shiftTag(number, tag) };
  const back = { source: at(position - 1), target: counting.rank, tag: shiftTag(number, tag) };
  return [
    { name: 'shift', type: TYPE.send, start, end, attributes: [...common, ...between(ends)] },
    { name: 'shift', type: TYPE.receive, start, end, attributes: [...common, ...between(back)] },
  ];
};

const sent = ({ from, to, tag, size, axis, sent: start, arrived: end, strand }: Message): Draft => ({
  name: `${axis} to ${to}`,
  type: TYPE.send,
  start,
  end,
  attributes: [
    onHost(false),
    { name: 'comm_size', kind: 'int64', value: size },
    ...between({ source: from, target: to, tag: pairTag(tag) }),
    { name: 'strand', kind: 'string', value: strand },
  ],
});
const received = ({ from, to, tag, size, axis, asked, at, scene }: Receipt): Draft => ({
  name: `${axis} from ${from}`,
  type: TYPE.receive,
  start: asked ?? at,
  end: at,
  attributes: [
    onHost(false),
    { name: 'comm_size', kind: 'int64', value: size },
    ...between({ source: from, target: to, tag: pairTag(tag) }),
    ...momentOf(scene),
  ],
});

const onHost = (value: boolean): Attribute => ({ name: 'is_cpu_op', kind: 'bool', value });
const between = ({ source, target, tag }: { source: number; target: number; tag: number }): readonly Attribute[] => [
  { name: 'comm_src', kind: 'int32', value: source },
  { name: 'comm_dst', kind: 'int32', value: target },
  { name: 'comm_tag', kind: 'int32', value: tag },
];
/** The schema's tags are unsigned: ours from 0 on are even, those below 0 odd, and those of shifts lie above both. */
const pairTag = (tag: number): number => (tag >= 0 ? 2 * tag : -2 * tag - 1);
const SHIFT_TAGS = 2 ** 30;
const SHIFTS_A_GROUP = 2 ** 16;
const shiftTag = (group: number, count: number): number =>
  SHIFT_TAGS + (group % 2 ** 14) * SHIFTS_A_GROUP + (count % SHIFTS_A_GROUP);

const momentOf = (scene: Scene | undefined): readonly Attribute[] => {
  const moment = scene?.moment ?? null;
  if (moment === null) return [];
  return [
    { name: 'pass', kind: 'string', value: moment.pass },
    { name: 'microbatch', kind: 'int32', value: moment.microbatch },
    { name: 'chunk', kind: 'int32', value: moment.chunk },
  ];
};
