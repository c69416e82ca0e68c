/**
 * A rank's trace as an MLCommons Chakra execution trace, for simulators such as ASTRA-sim: field numbers by
 * https://github.com/mlcommons/chakra/blob/main/schema/protobuf/et_def.proto, attributes by its src/feeder.
 */
import type { TraceEntry } from '../../effects/trace.ts';
import { ByteBuffer } from './byte-buffer.ts';
import type { ChakraNode } from './chakra-nodes.ts';
import { nodesOf } from './chakra-nodes.ts';
import type { GroupNumbers } from './groups.ts';
import { TIMELINE } from './picture.ts';

const METADATA = { version: 1, attribute: 2 } as const;
const NODE = { id: 1, name: 2, type: 3, dataDeps: 5, start: 6, duration: 7, attribute: 10 } as const;
const ATTRIBUTE = { name: 1, int32: 7, int64: 9, uint64: 13, bool: 27, string: 29 } as const;
/** Of the schema. */
const VERSION = '0.0.4';
const PIECE = 2 ** 18;

/** Messages of a stream, each behind its length; the first says of which version they are. */
export function* chakraBytes(
  entries: readonly TraceEntry[],
  { rank, groups }: { readonly rank: number; readonly groups: GroupNumbers },
): Generator<Uint8Array> {
  const buffer = new ByteBuffer();
  buffer.delimited(() => {
    buffer.text(METADATA.version, VERSION);
    buffer.nested(METADATA.attribute, () => {
      buffer.text(ATTRIBUTE.name, 'generator');
      buffer.text(ATTRIBUTE.string, TIMELINE);
    });
  });
  for (const node of nodesOf(entries, { rank, groups })) {
    buffer.delimited(() => writeNode(buffer, node));
    if (buffer.length > PIECE) yield buffer.take();
  }
  yield buffer.take();
}

const writeNode = (buffer: ByteBuffer, { id, name, type, after, start, end, attributes }: ChakraNode): void => {
  buffer.whole(NODE.id, id);
  buffer.text(NODE.name, name);
  buffer.whole(NODE.type, type);
  for (const one of after) buffer.whole(NODE.dataDeps, one);
  // Rounded as points in time, what follows each other still does.
  const from = Math.round(start / 1e3);
  buffer.whole(NODE.start, from);
  buffer.whole(NODE.duration, Math.round(end / 1e3) - from);
  for (const { name: key, kind, value } of attributes)
    buffer.nested(NODE.attribute, () => {
      buffer.text(ATTRIBUTE.name, key);
      if (typeof value === 'string') buffer.text(ATTRIBUTE.string, value);
      else buffer.whole(ATTRIBUTE[kind], Math.round(Number(value)));
    });
};
