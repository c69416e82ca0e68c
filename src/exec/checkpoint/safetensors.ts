/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length of a JSON header, little
 * end first, the header, and the tensors' raw little-endian bytes without a gap between them.
 */
import { z } from 'zod';
import { CheckpointFault } from './fault.ts';

/** Bytes an element. */
export const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

export interface TensorPlan {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
}
/** Where the tensor's bytes stand in the file. */
export interface TensorPlace extends TensorPlan {
  readonly start: number;
  readonly end: number;
}

export const PREFIX_BYTES = 8;
/** The reference reader takes no longer one. */
export const HEADER_BYTES_MAX = 100_000_000;
const ALIGNMENT = 8;

export const bytesOf = ({ type, shape }: Pick<TensorPlan, 'type' | 'shape'>): number =>
  shape.reduce((product, length) => product * length, ELEMENT_BYTES[type]);

/** The bytes before the tensors, which follow in the order of `plans`; spaces behind the JSON align them. */
export const headerOf = (plans: readonly TensorPlan[], metadata: Readonly<Record<string, string>>): Uint8Array => {
  const entries = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) entries.set('__metadata__', metadata);
  let end = 0;
  for (const plan of plans) {
    if (entries.has(plan.name)) throw new RangeError(`two tensors of one file are named ${plan.name}`);
    const start = end;
    end += bytesOf(plan);
    entries.set(plan.name, { dtype: plan.type, shape: plan.shape, data_offsets: [start, end] });
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)), 'utf8');
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  if (length > HEADER_BYTES_MAX)
    throw new RangeError(`a header of ${length} bytes, wanted ${HEADER_BYTES_MAX} at most`);
  const header = Buffer.alloc(PREFIX_BYTES + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, PREFIX_BYTES);
  return header;
};

const entrySchema = z.object({
  dtype: z.custom<ElementType>((name) => typeof name === 'string' && Object.hasOwn(ELEMENT_BYTES, name)),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string());

export interface Header {
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `json` is what stands between the first eight bytes and the tensors; `size` is that of the file, `file` its name. */
export const parseHeader = (json: Uint8Array, { file, size }: { file: string; size: number }): Header => {
  const { __metadata__: metadata, ...entries } = headerSchema.parse(parsed(json, file));
  const begin = PREFIX_BYTES + json.length;
  const places = Object.entries(entries).map(([name, entry]) => placeOf(name, { entry, begin, file }));
  let end = begin;
  for (const place of places.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (place.start !== end)
      throw new CheckpointFault(`${file}: ${place.name} starts at ${place.start}, wanted ${end}`);
    end = place.end;
  }
  if (end !== size)
    throw new CheckpointFault(`${file}: ${size} bytes long, wanted the ${end} that its header tells of`);
  return {
    tensors: new Map(places.map((place) => [place.name, place])),
    metadata: metadata === undefined ? {} : metadataSchema.parse(metadata),
  };
};

const parsed = (json: Uint8Array, file: string): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw new CheckpointFault(`${file}: no safetensors file, its header is no JSON`, { cause: error });
  }
};

const placeOf = (
  name: string,
  { entry, begin, file }: { readonly entry: unknown; readonly begin: number; readonly file: string },
): TensorPlace => {
  const read = entrySchema.safeParse(entry);
  if (!read.success) throw new CheckpointFault(`${file}: what its header says of ${name} is not understood`);
  const { dtype: type, shape, data_offsets: offsets } = read.data;
  const wanted = bytesOf({ type, shape });
  if (offsets[1] - offsets[0] !== wanted)
    throw new CheckpointFault(`${file}: ${name} has ${offsets[1] - offsets[0]} bytes, wanted ${wanted} of ${type}`);
  return { name, type, shape, start: begin + offsets[0], end: begin + offsets[1] };
};
