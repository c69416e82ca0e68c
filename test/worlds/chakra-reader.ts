/** Reads Chakra execution traces by the field numbers of https://github.com/mlcommons/chakra/blob/main/schema/protobuf/et_def.proto. */
import type { Decoded, Schema } from './protobuf-reader.ts';
import { decode, delimitedIn } from './protobuf-reader.ts';

const SCHEMA: Schema = {
  GlobalMetadata: { 1: ['version', 'string'], 2: ['attr', 'AttributeProto', 'repeated'] },
  Node: {
    1: ['id', 'uint64'],
    2: ['name', 'string'],
    3: ['type', 'int32'],
    4: ['ctrl_deps', 'uint64', 'repeated'],
    5: ['data_deps', 'uint64', 'repeated'],
    6: ['start_time_micros', 'uint64'],
    7: ['duration_micros', 'uint64'],
    10: ['attr', 'AttributeProto', 'repeated'],
  },
  AttributeProto: {
    1: ['name', 'string'],
    7: ['int32_val', 'int32'],
    9: ['int64_val', 'int64'],
    13: ['uint64_val', 'uint64'],
    27: ['bool_val', 'bool'],
    29: ['string_val', 'string'],
  },
};

/** In which field the feeder of ASTRA-sim looks for each attribute (src/feeder/et_feeder_node.cpp). */
const FIELDS: Readonly<Record<string, string>> = {
  is_cpu_op: 'bool_val',
  num_ops: 'int64_val',
  tensor_size: 'uint64_val',
  comm_type: 'int64_val',
  comm_size: 'int64_val',
  comm_src: 'int32_val',
  comm_dst: 'int32_val',
  comm_tag: 'int32_val',
  pg_name: 'string_val',
};

export interface ReadNode {
  readonly id: number;
  readonly name: string;
  readonly type: 'compute' | 'send' | 'receive' | 'collective';
  readonly deps: readonly number[];
  readonly start: number;
  readonly duration: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}
export interface ReadGraph {
  readonly version: string;
  readonly nodes: readonly ReadNode[];
}
const TYPES: Readonly<Record<number, ReadNode['type']>> = { 4: 'compute', 5: 'send', 6: 'receive', 7: 'collective' };

export const chakraIn = (bytes: Uint8Array): ReadGraph => {
  const [first, ...rest] = delimitedIn(bytes);
  const { version } = decode(SCHEMA, 'GlobalMetadata', first!);
  return { version: version as string, nodes: rest.map((node) => nodeOf(decode(SCHEMA, 'Node', node))) };
};

const nodeOf = (node: Decoded): ReadNode => ({
  id: node['id'] as number,
  name: node['name'] as string,
  type: TYPES[node['type'] as number]!,
  deps: (node['data_deps'] ?? []) as readonly number[],
  start: node['start_time_micros'] as number,
  duration: node['duration_micros'] as number,
  attributes: Object.fromEntries(((node['attr'] ?? []) as readonly Decoded[]).map(attributeOf)),
});

const attributeOf = ({ name, ...values }: Decoded): readonly [string, unknown] => {
  const [[field, value], ...others] = Object.entries(values) as [[string, unknown]];
  const wanted = FIELDS[name as string];
  if (others.length > 0 || (wanted !== undefined && wanted !== field))
    throw new Error(`attribute ${name as string} in ${field}: readers look for it in ${wanted}`);
  return [name as string, value];
};
