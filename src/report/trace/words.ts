/** What a timeline says of something beside its name. */
import type { Combining, Message, Receipt, Scene, Span } from '../../effects/trace.ts';
import type { Group } from '../../effects/group.ts';
import { DTYPE_BYTES } from '../../kernels/dtype.ts';
import { nameOf } from '../../kernels/op-name.ts';
import type { Op } from '../../kernels/op.ts';

export type Words = Readonly<Record<string, string | number>>;

export const aboutSpan = ({ scene, op }: Span): Words => ({
  ...aboutScene(scene),
  ...(op === undefined ? {} : { op: nameOf(op), shape: shapeOf(op) }),
});
export const aboutMessage = ({ tag, size, strand }: Message): Words => ({ tag, bytes: size, strand });
export const aboutReceipt = ({ tag, size, scene }: Receipt): Words => ({ ...aboutScene(scene), tag, bytes: size });
export const aboutCombining = (combining: Combining): Words => ({
  ...aboutScene(combining.scene),
  algorithm: combining.algorithm,
  group: groupName(combining.group),
  dtype: combining.dtype,
  elements: combining.elements,
  bytes: combining.elements * DTYPE_BYTES[combining.dtype],
});

/** Microbatches and model chunks are numbered from 0. */
const aboutScene = (scene: Scene | undefined): Words => {
  if (scene === undefined) return {};
  const { moment, section } = scene;
  return {
    ...(moment === null ? {} : { pass: moment.pass, microbatch: moment.microbatch, chunk: moment.chunk }),
    ...(section === null ? {} : { section }),
  };
};

/** All that an operation says of its size. */
const shapeOf = (op: Op): string =>
  Object.entries(op)
    .flatMap(([name, value]: readonly [string, unknown]) =>
      typeof value === 'number' && Number.isInteger(value) ? [`${name}=${value}`] : [],
    )
    .join(' ');

export const groupName = ({ axis, first, stride, size }: Group): string =>
  `${axis} ${size} from ${first}${stride === 1 ? '' : ` by ${stride}`}`;
