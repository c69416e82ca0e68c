/** What happened on a rank as the kernels, copies and host operators that a profiler of PyTorch would have seen. */
import type { Operation } from '../../effects/effect.ts';
import type { Axis, Group } from '../../effects/group.ts';
import { AXES, member } from '../../effects/group.ts';
import { segmentLengthMax } from '../../effects/tensor.ts';
import type { Combining, Receipt, Span, TraceEntry } from '../../effects/trace.ts';
import type { Dtype } from '../../kernels/dtype.ts';
import { nameOf } from '../../kernels/op-name.ts';
import type { Instant } from '../../units/quantity.ts';
import { disjoint } from './disjoint.ts';
import { isOfCollective } from './slices.ts';
import type { Words } from './words.ts';
import { aboutReceipt, aboutSpan, groupName } from './words.ts';

export interface Kernel {
  readonly category: 'kernel' | 'gpu_memcpy';
  readonly name: string;
  /** Of what the host asked for. */
  readonly operator: string;
  readonly stream: number;
  readonly start: Instant;
  readonly end: Instant;
  readonly words: Words;
}
export interface HostWork {
  readonly name: string;
  readonly start: Instant;
  readonly end: Instant;
  readonly words: Words;
}

/** In the order in which they begin; those of a stream follow each other. */
export const kernelsOf = (entries: readonly TraceEntry[]): readonly Kernel[] => {
  const streams = new Map<number, Kernel[]>();
  for (const entry of entries) {
    const kernel = kernelOf(entry);
    if (kernel === null) continue;
    const known = streams.get(kernel.stream);
    if (known === undefined) streams.set(kernel.stream, [kernel]);
    else known.push(kernel);
  }
  return [...streams.values()]
    .flatMap((kernels) => disjoint(kernels).flatMap((track, index) => track.map((one) => onStream(one, index))))
    .toSorted((a, b) => a.start - b.start || a.stream - b.stream);
};

const onStream = (kernel: Kernel, index: number): Kernel => ({ ...kernel, stream: kernel.stream + index });

/** What the host's processors did for themselves. */
export const hostWorkOf = (entries: readonly TraceEntry[]): readonly HostWork[] =>
  entries.flatMap((entry) => {
    if (entry.kind !== 'span' || (entry.lane !== 'host' && entry.lane !== 'storage')) return [];
    const { name, start, end } = entry;
    return [{ name: `angel::${name}`, start, end, words: aboutSpan(entry) }];
  });

const kernelOf = (entry: TraceEntry): Kernel | null => {
  if (entry.kind === 'span') return entry.lane === 'compute' ? computed(entry) : copied(entry);
  if (entry.kind === 'collective') return entry.group.size > 1 ? combined(entry) : null;
  return entry.kind === 'receipt' ? awaited(entry) : null;
};

/** Streams as PyTorch numbers them: computation on 7, each process group on one of its own; room for what overlaps. */
const COMPUTE_STREAM = 7;
const COPY_STREAMS: Readonly<Record<string, number>> = { pcie: 1000, 'pcie to hbm': 1100, 'pcie to dram': 1200 };
const groupStream = (axis: Axis): number => 2000 + 200 * AXES.indexOf(axis);
const pairStream = (axis: Axis): number => groupStream(axis) + 100;

/** The sums that a collective is made of are a part of its own kernel. */
const computed = (span: Span): Kernel | null => {
  if (span.scene?.isCollective === true) return null;
  const { name, op, start, end } = span;
  const whole = op === undefined ? name : nameOf(op).replaceAll(' ', '_');
  return {
    category: 'kernel',
    name: whole,
    operator: `angel::${name}`,
    stream: COMPUTE_STREAM,
    start,
    end,
    words: aboutSpan(span),
  };
};

const copied = (span: Span): Kernel | null => {
  const { lane, name, start, end } = span;
  const stream = COPY_STREAMS[lane];
  if (stream === undefined) return null;
  const way = lane === 'pcie to dram' ? 'DtoH (Device -> Pinned)' : 'HtoD (Pinned -> Device)';
  const words = aboutSpan(span);
  return { category: 'gpu_memcpy', name: `Memcpy ${way}`, operator: `angel::${name}`, stream, start, end, words };
};

/** Analysers know communication by `ncclKernel` in its name. */
const combined = (combining: Combining): Kernel => {
  const { operation, algorithm, group, dtype, start, end } = combining;
  return {
    category: 'kernel',
    name: `ncclKernel_${NCCL[operation]}_${algorithm.toUpperCase().replaceAll('-', '_')}_${DTYPES[dtype].short}`,
    operator: `nccl:${NCCL[operation].toLowerCase()}`,
    stream: groupStream(group.axis),
    start,
    end,
    words: aboutGroup(combining),
  };
};

/** A rank that waits for what another one sends it runs the kernel that receives. */
const awaited = (receipt: Receipt): Kernel | null => {
  const { axis, tag, asked, at, from } = receipt;
  if (asked === undefined || asked === at || axis === 'control' || isOfCollective(tag)) return null;
  return {
    category: 'kernel',
    name: 'ncclKernel_SendRecv',
    operator: 'nccl:recv',
    stream: pairStream(axis),
    start: asked,
    end: at,
    words: { ...aboutReceipt(receipt), 'Src Rank': from, 'Process Group Name': axis },
  };
};

const NCCL: Readonly<Record<Operation, string>> = {
  'all-reduce': 'AllReduce',
  'all-gather': 'AllGather',
  'reduce-scatter': 'ReduceScatter',
  'all-to-all': 'AllToAll',
  shift: 'SendRecv',
};
const DTYPES: Readonly<Record<Dtype, { readonly short: string; readonly long: string }>> = {
  fp32: { short: 'f32', long: 'Float' },
  int32: { short: 'i32', long: 'Int' },
  bf16: { short: 'bf16', long: 'BFloat16' },
  fp16: { short: 'f16', long: 'Half' },
  fp8: { short: 'f8', long: 'Float8' },
  fp4: { short: 'f4', long: 'Float4' },
  uint8: { short: 'u8', long: 'Byte' },
};

/** As PyTorch's profiler names them. */
const aboutGroup = ({ operation, group, dtype, elements, scene: { moment } }: Combining): Words => {
  const share = segmentLengthMax(elements, group.size);
  return {
    ...(moment === null ? {} : { pass: moment.pass, microbatch: moment.microbatch, chunk: moment.chunk }),
    'Collective name': operation.replaceAll('-', ''),
    'In msg nelems': operation === 'all-gather' ? share : elements,
    'Out msg nelems': operation === 'reduce-scatter' ? share : elements,
    dtype: DTYPES[dtype].long,
    'Group size': group.size,
    'Process Group Name': groupName(group),
    'Process Group Ranks': `[${membersOf(group).join(', ')}]`,
  };
};

export const membersOf = (group: Group): readonly number[] =>
  Array.from({ length: group.size }, (_, position) => member(group, position));
