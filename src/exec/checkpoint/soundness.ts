/** Whether what a manifest says can be: only then is any of it believed, be it a length or the name of a file. */
import { elementsOfShape } from '../../effects/share.ts';
import { CheckpointFault } from './fault.ts';
import { isRankFile } from './folder.ts';
import type { Manifest, Piece, TensorPieces } from './manifest.ts';
import { elementsOfPart } from './ranges.ts';

/** Throws at the first thing that cannot be; `name` is the manifest's. */
export const refuseUnsound = (manifest: Manifest, name: string): void => {
  const fault = faultOf(manifest);
  if (fault !== null) throw new CheckpointFault(`${name} is not sound: ${fault}`);
};

const faultOf = ({ progress, files, tensors }: Manifest): string | null => {
  const { step, batch, sequence } = progress;
  if (step * batch !== sequence)
    return `${step} steps of ${batch} sequences do not lead to sequence ${sequence}, wanted ${step * batch}`;
  return faultOfFiles(files) ?? faultOfTensors(tensors, files);
};

/** A folder or `..` in a name would lead out of the checkpoint. */
const faultOfFiles = (files: Manifest['files']): string | null => {
  if (files.length === 0) return 'it has no files, wanted one a rank';
  const odd = files.find(({ name }) => !isRankFile(name));
  if (odd !== undefined) return `there is a file ${JSON.stringify(odd.name)}, wanted names like rank-0000.safetensors`;
  const twice = files.find(({ name }, index) => files.findIndex((one) => one.name === name) < index);
  return twice === undefined ? null : `it has ${twice.name} twice`;
};

const faultOfTensors = (tensors: Manifest['tensors'], files: Manifest['files']): string | null => {
  const names = new Set(files.map(({ name }) => name));
  const room = files.reduce((sum, { bytes }) => sum + bytes, 0) / ELEMENT_BYTES_MIN;
  for (const [name, tensor] of Object.entries(tensors)) {
    const fault = faultOfShape(tensor.shape, room) ?? faultOfPieces(tensor, names);
    if (fault !== null) return `${name} ${fault}`;
  }
  return null;
};
/** The narrowest format that is stored has 16 bits. */
const ELEMENT_BYTES_MIN = 2;

/** Every element is in one of the files, and so there cannot be more of them than these have room for. */
const faultOfShape = (shape: readonly number[], room: number): string | null => {
  const size = elementsOfShape(shape);
  if (size >= 1 && size <= room) return null;
  return `is [${shape.join(', ')}], wanted from 1 to the ${room} elements that the files have room for`;
};

const faultOfPieces = ({ shape, pieces }: TensorPieces, files: ReadonlySet<string>): string | null => {
  for (const piece of pieces) {
    const { file, start, length, cut } = piece;
    if (!files.has(file)) return `is said to be in ${JSON.stringify(file)}, which is none of the files`;
    if (!isCutOf(shape, cut)) return `is cut as ${JSON.stringify(cut)}, which a tensor of [${shape.join(', ')}] is not`;
    const size = elementsOfPart({ ...UNCUT, ...cut, shape });
    if (start + length > size) return `has elements ${start} to ${start + length} of a part of ${size}`;
  }
  return null;
};
const UNCUT = { name: '', initial: { kind: 'constant', value: 0 }, decays: false } as const;

const isCutOf = (shape: readonly number[], { outer, groups, inner, ranks, index, present }: Piece['cut']): boolean =>
  outer * present * inner === elementsOfShape(shape) &&
  index < ranks &&
  groups.every((group) => group % ranks === 0) &&
  groups.reduce((sum, group) => sum + group, 0) >= present;
