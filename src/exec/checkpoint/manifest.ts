/** The manifest of a checkpoint: what was trained, how far it is, and which bytes of which file hold which elements. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { STATES } from '../../effects/share.ts';
import type { Share, ShareRun, State } from '../../effects/share.ts';
import { CheckpointFault } from './fault.ts';

const VERSION = 2;
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

/** What tells the samples of two runs apart: what the tokenizer made of the text, and how that is cut. */
const data = z.object({
  /** What the scenario calls the tokenizer: its name, or the path of its file. */
  tokenizer: z.string(),
  /** Where that file was, and what was in it: an export copies it if it is still the same. */
  tokenizerFile: z.object({ path: z.string(), sha256: z.string() }).nullish(),
  /** SHA-256 of all tokens, wherever the text and the tokenizer were found. */
  tokens: z.string(),
  trainTokens: count,
  validationTokens: count,
  /** Tokens of a sequence. */
  sequence: count,
});
/** What the run must know to go on, beside the states of its parameters. */
const progress = z.object({
  /** The number of steps that are done. */
  step: count,
  /** The model as the run was given it. */
  model: tree,
  /** The rank grid that stored it; any other can read it. */
  layout: tree,
  precision: z.string(),
  /** How the run learnt: what shapes its curve, and may be another when it goes on. */
  training: tree,
  /** Of the order of the samples. */
  seed: z.number(),
  data,
  /** Sequences a step. */
  batch: count,
  /** The next sequence of the run. */
  sequence: count,
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
export type StoredData = z.output<typeof data>;
export type Progress = z.output<typeof progress>;
export type Manifest = z.output<typeof manifest>;
export type RankRecord = z.output<typeof record>;

export const manifestOf = (content: Omit<Manifest, 'version'>): Uint8Array =>
  sealed({ version: VERSION, ...content } satisfies Manifest);
export const recordOf = (content: RankRecord): Uint8Array => sealed(content);

/** Of what a whole manifest says, whether it can be is another question. */
export const parseManifest = (bytes: Uint8Array, name: string): Manifest => {
  const content = unsealed(bytes, name);
  const { version } = versioned.safeParse(content).data ?? {};
  if (version !== VERSION)
    throw new CheckpointFault(`${name} is of version ${JSON.stringify(version) ?? 'unknown'}, wanted ${VERSION}`);
  return understood(manifest, content, name);
};
const versioned = z.object({ version: z.unknown() });
export const parseRecord = (bytes: Uint8Array, name: string): RankRecord =>
  understood(record, unsealed(bytes, name), name);

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
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new CheckpointFault(`${name}: its bytes are as they were written, but no JSON`, { cause: error });
  }
};

const understood = <T>(schema: z.ZodType<T>, content: unknown, name: string): T => {
  const read = schema.safeParse(content);
  if (read.success) return read.data;
  const places = read.error.issues.map(({ path }) => path.join('.'));
  throw new CheckpointFault(`${name}: what it says is not understood at ${places.join(', ')}`);
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
