/** The manifest of a checkpoint: what was trained, how far it is, and which bytes of which file hold which elements. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { STATES } from '../../effects/share.ts';
import type { Share, ShareRun, State } from '../../effects/share.ts';
import { CheckpointFault } from './fault.ts';

const VERSION = 1;
const count = z.int().min(0);
const tree = z.record(z.string(), z.unknown());

const cut = z.object({
  outer: count,
  groups: z.array(count),
  inner: count,
  ranks: count,
  index: count,
  present: count,
});
/** A run of a rank's part of a tensor; padding in it is not stored. */
const piece = z.object({ file: z.string(), state: z.enum(STATES), start: count, length: count, cut });
const tensor = z.object({ shape: z.array(count), pieces: z.array(piece) });
const file = z.object({ name: z.string(), bytes: count, sha256: z.string() });

/** What the run must know to go on, beside the states of its parameters. */
const progress = z.object({
  /** The number of steps that are done. */
  step: count,
  /** The model as the run was given it. */
  model: tree,
  /** The rank grid that stored it; any other can read it. */
  layout: tree,
  precision: z.string(),
  seed: z.number(),
  /** What made tokens of the text: its name, and whatever tells two of one name apart. */
  tokenizer: z.string(),
  /** The next sequence of the run. */
  sequence: count,
  /** Numbers drawn so far, by stream. */
  draws: z.record(z.string(), count),
});
const manifest = z.object({
  version: z.literal(VERSION),
  /** Names the run that stored it. */
  run: z.string(),
  progress,
  files: z.array(file),
  tensors: z.record(z.string(), tensor),
});
/** What one rank has stored, before all have. */
const record = z.object({
  run: z.string(),
  file,
  tensors: z.record(z.string(), tensor),
});

export type Piece = z.output<typeof piece>;
export type TensorPieces = z.output<typeof tensor>;
export type StoredFile = z.output<typeof file>;
export type Progress = z.output<typeof progress>;
export type Manifest = z.output<typeof manifest>;
export type RankRecord = z.output<typeof record>;

export const manifestOf = (content: Omit<Manifest, 'version'>): Uint8Array =>
  sealed({ version: VERSION, ...content } satisfies Manifest);
export const recordOf = (content: RankRecord): Uint8Array => sealed(content);

export const parseManifest = (bytes: Uint8Array, name: string): Manifest => understood(manifest, bytes, name);
export const parseRecord = (bytes: Uint8Array, name: string): RankRecord => understood(record, bytes, name);

const SHA256 = /^\{"sha256":"([0-9a-f]{64})",$/u;

/** JSON whose first line is the checksum of all that follows, so that no byte of it can change unnoticed. */
const sealed = (content: object): Uint8Array => {
  const rest = JSON.stringify(content).slice(1);
  return Buffer.from(`{"sha256":"${digest(Buffer.from(rest))}",\n${rest}`);
};
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const unsealed = (bytes: Uint8Array, name: string): unknown => {
  const end = bytes.indexOf(0x0a);
  const found = SHA256.exec(Buffer.from(bytes.subarray(0, Math.max(0, end))).toString('latin1'));
  if (found === null || found[1] !== digest(bytes.subarray(end + 1)))
    throw new CheckpointFault(`${name}: its bytes are not those that were written`);
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
};

const understood = <T>(schema: z.ZodType<T>, bytes: Uint8Array, name: string): T => {
  const read = schema.safeParse(unsealed(bytes, name));
  if (read.success) return read.data;
  const issues = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new CheckpointFault(`${name}: not a checkpoint of version ${VERSION}: ${issues.join('; ')}`);
};

/** The run of a share that a piece holds. */
export const runOfPiece = (name: string, { shape }: TensorPieces, { cut, start, length }: Piece): ShareRun => ({
  share: { name, shape, ...cut, initial: { kind: 'constant', value: 0 }, decays: false },
  start,
  length,
});
export const cutOf = ({ outer, groups, inner, ranks, index, present }: Share): Piece['cut'] => ({
  outer,
  groups: [...groups],
  inner,
  ranks,
  index,
  present,
});

/** What the piece's tensor is called in its file. */
export const pieceName = (state: State, name: string, { start, length }: { start: number; length: number }): string =>
  `${state}/${name}[${start}:${start + length}]`;
