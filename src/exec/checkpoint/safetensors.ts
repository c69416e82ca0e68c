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
type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Header {
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `json` is what stands between the first eight bytes and the tensors; `size` is that of the file, `file` its name. */
export const parseHeader = (json: Uint8Array, { file, size }: { file: string; size: number }): Header => {
  const { __metadata__: metadata = {}, ...entries } = parsed(json, file);
  const begin = PREFIX_BYTES + json.length;
  const places = Object.entries(entries).map(([name, entry]) => placeOf(name, { entry, begin, file }));
  let end = begin;
  for (const place of places.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (place.start !== end)
      throw new CheckpointFault(`${file}: ${shown(place.name)} starts at ${place.start}, wanted ${end}`);
    end = place.end;
  }
  if (end !== size)
    throw new CheckpointFault(`${file}: ${size} bytes long, wanted the ${end} that its header tells of`);
  return {
    tensors: new Map(places.map((place) => [place.name, place])),
    metadata: textsOf(metadata, file),
  };
};

const parsed = (json: Uint8Array, file: string): Mapping => {
  const header = jsonIn(json, file);
  if (isMapping(header)) return header;
  throw new CheckpointFault(
    `${file}: no safetensors file, its header is ${shown(header)}; wanted a mapping of tensors`,
  );
};

const jsonIn = (json: Uint8Array, file: string): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw new CheckpointFault(`${file}: no safetensors file, its header is no JSON`, { cause: error });
  }
};

const textsOf = (metadata: unknown, file: string): Header['metadata'] => {
  if (!isMapping(metadata))
    throw new CheckpointFault(`${file}: __metadata__ of its header is ${shown(metadata)}; wanted a mapping of texts`);
  const texts: [string, string][] = [];
  for (const [key, value] of Object.entries(metadata))
    if (typeof value === 'string') texts.push([key, value]);
    else
      throw new CheckpointFault(`${file}: __metadata__ ${shown(key)} of its header is ${shown(value)}; wanted a text`);
  return Object.fromEntries(texts);
};

/** Its beginning tells what it is. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value).replaceAll(/[\u007F-\u009F\p{Zl}\p{Zp}]/gu, ' ');
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
};

const placeOf = (
  name: string,
  { entry, begin, file }: { readonly entry: unknown; readonly begin: number; readonly file: string },
): TensorPlace => {
  const read = entrySchema.safeParse(entry);
  if (!read.success) throw new CheckpointFault(`${file}: what its header says of ${shown(name)} is not understood`);
  const { dtype: type, shape, data_offsets: offsets } = read.data;
  const wanted = bytesOf({ type, shape });
  if (offsets[1] - offsets[0] !== wanted)
    throw new CheckpointFault(
      `${file}: ${shown(name)} has ${offsets[1] - offsets[0]} bytes, wanted ${wanted} of ${type}`,
    );
  return { name, type, shape, start: begin + offsets[0], end: begin + offsets[1] };
};
