/** Reads any run of any layout from a checkpoint that any other layout stored. */
import { basename, join } from 'node:path';
import type { ShareRun, State } from '../../effects/share.ts';
import { elementsOfShape } from '../../effects/share.ts';
import type { Disk } from './disk.ts';
import { CheckpointFault, inWords } from './fault.ts';
import { isFloatType, toFloats } from './floats.ts';
import { MANIFEST } from './folder.ts';
import type { Manifest, Piece, TensorPieces } from './manifest.ts';
import { parseManifest, pieceName, runOfPiece } from './manifest.ts';
import { nearestTo } from './nearest-checkpoint.ts';
import type { Range } from './ranges.ts';
import { rangesOf } from './ranges.ts';
import { SafetensorsFile } from './safetensors-file.ts';
import { refuseUnsound } from './soundness.ts';

/** Where states come from: a checkpoint, or the weights of a published model. */
export interface StatesSource {
  /** Fills `into`, as long as the run, in fp32; padding is zero. */
  read(state: State, run: ShareRun, into: Float32Array): void;
  close(): void;
}

/** A part of what is asked for, and where it stands among the stored elements of a piece. */
interface Hit {
  readonly local: number;
  readonly stored: number;
  readonly length: number;
}

/** What stands in for a state that was not stored: a precision without master weights has them in its weights. */
const STAND_IN: Partial<Record<State, State>> = { master: 'weight' };

export class CheckpointReader implements StatesSource {
  readonly manifest: Manifest;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #files = new Map<string, SafetensorsFile>();

  /** Reads the manifest alone; `verify` is what reads every byte, once and for all ranks. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
    this.manifest = readManifest(disk, path);
  }

  /** Names and shapes of the whole tensors. */
  get shapes(): ReadonlyMap<string, readonly number[]> {
    return new Map(Object.entries(this.manifest.tensors).map(([name, { shape }]) => [name, shape]));
  }

  read(state: State, run: ShareRun, into: Float32Array): void {
    const { name, shape } = run.share;
    if (into.length !== run.length) throw new RangeError(`${name}: ${into.length} places for ${run.length} elements`);
    const tensor = this.manifest.tensors[name];
    if (tensor === undefined) throw new CheckpointFault(`${this.#path} holds no ${name}`);
    if (tensor.shape.join() !== shape.join())
      throw new CheckpointFault(`${this.#path}: ${name} is [${tensor.shape.join(', ')}], wanted [${shape.join(', ')}]`);
    into.fill(0);
    let missing = rangesOf(run);
    for (const piece of this.#piecesOf(state, tensor)) {
      if (missing.length === 0) return;
      const found = meeting(missing, rangesOf(runOfPiece(name, tensor, piece)));
      if (found.hits.length > 0) this.#copy(name, { piece, hits: found.hits, into });
      missing = found.missing;
    }
    if (missing.length > 0)
      throw new CheckpointFault(`${this.#path} lacks element ${missing[0]?.whole} of the ${state} of ${name}`);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #piecesOf(state: State, { pieces }: TensorPieces): readonly Piece[] {
    const own = pieces.filter((piece) => piece.state === state);
    return own.length > 0 ? own : pieces.filter((piece) => piece.state === STAND_IN[state]);
  }

  /** One read for all that the piece has of the run, from the first element to the last. */
  #copy(name: string, { piece, hits, into }: { piece: Piece; hits: readonly Hit[]; into: Float32Array }): void {
    const file = this.#fileOf(piece.file);
    const place = file.find(pieceName(piece.state, name, piece));
    const last = hits.at(-1)!;
    const isHeld = place !== null && last.stored + last.length <= elementsOfShape(place.shape);
    if (!isHeld || !isFloatType(place.type))
      throw new CheckpointFault(`${file.name} holds no numbers of ${pieceName(piece.state, name, piece)}`);
    const first = hits[0]!.stored;
    const values = toFloats(file.read(place, first, last.stored + last.length - first), place.type);
    for (const { local, stored, length } of hits)
      into.set(values.subarray(stored - first, stored - first + length), local);
  }

  #fileOf(name: string): SafetensorsFile {
    const open = this.#files.get(name);
    if (open !== undefined) return open;
    const file = new SafetensorsFile(this.#disk, join(this.#path, name));
    this.#files.set(name, file);
    return file;
  }
}

/**
 * What `wanted` and the ranges of a piece have in common, and what of `wanted` is still missing then. Both ascend in the
 * whole; the piece stores its ranges one behind another.
 */
const meeting = (
  wanted: readonly Range[],
  held: readonly Range[],
): { readonly hits: readonly Hit[]; readonly missing: readonly Range[] } => {
  const hits: Hit[] = [];
  const missing: Range[] = [];
  let next = 0;
  let stored = 0;
  for (const { local, whole, length } of wanted) {
    const end = whole + length;
    let at = whole;
    for (; next < held.length; next += 1) {
      const range = held[next]!;
      const first = Math.max(at, range.whole);
      const last = Math.min(end, range.whole + range.length);
      if (first < last) {
        if (first > at) missing.push({ local: local + at - whole, whole: at, length: first - at });
        hits.push({ local: local + first - whole, stored: stored + first - range.whole, length: last - first });
        at = last;
      }
      // What of the piece goes beyond may meet the next wanted range too.
      if (range.whole + range.length > end) break;
      stored += range.length;
    }
    if (at < end) missing.push({ local: local + at - whole, whole: at, length: end - at });
  }
  return { hits, missing };
};

export const readManifest = (disk: Disk, path: string): Manifest => {
  const name = join(basename(path), MANIFEST);
  if (!disk.list(path).includes(MANIFEST))
    throw new CheckpointFault(`${path} is no checkpoint: it has no ${MANIFEST}; ${nearestTo(disk, path)}`);
  try {
    const manifest = parseManifest(disk.readAll(join(path, MANIFEST)), name);
    refuseUnsound(manifest, name);
    return manifest;
  } catch (error) {
    throw inWords(error, `${name} cannot be read`);
  }
};
