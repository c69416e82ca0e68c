/** The config.json of a Hugging Face model, read into a `Model`. An architecture that is not known here is refused. */
import type { Complaint } from './complaint.ts';
import { inLine, inReadingOrder } from './complaint.ts';
import { deepFreeze } from './freeze.ts';
import { architectureOf } from './hugging-face-naming.ts';
import type { Found } from './hugging-face-naming.ts';
import type { Architecture, Settings } from './hugging-face-settings.ts';
import { complaintAt, complaintsAbout, show } from './issues.ts';
import { jsonFault } from './json-fault.ts';
import { impossibilities } from './model-contradictions.ts';
import type { Model } from './model.ts';
import type { Source, Tree } from './tree.ts';
import { isRecord, readTree } from './tree.ts';

export type ModelReading =
  | { readonly kind: 'model'; readonly model: Model }
  | { readonly kind: 'complaints'; readonly complaints: readonly Complaint[] };

export const modelFromHuggingFace = (source: Source): ModelReading => {
  const fault = jsonFault(source);
  if (fault !== null) return refuse([fault]);
  const { tree, complaints } = readTree(source);
  if (tree === null || complaints.length > 0) return refuse(complaints);
  if (!isRecord(tree)) return refuse([complaintAt(tree, `${show(tree.value)} is not a config: wanted a JSON object`)]);
  const found = architectureOf(tree);
  if (found.kind === 'complaint') return refuse([found.complaint]);
  const path = tree.children.get('_name_or_path')?.value;
  const name = typeof path === 'string' && path !== '' ? inLine(path) : source.file;
  return modelOf(found, { name, source: source.file });
};

const refuse = (complaints: readonly Complaint[]): ModelReading => ({
  kind: 'complaints',
  complaints: inReadingOrder(complaints),
});

const modelOf = ({ architecture, tree, wrapper }: Found, named: Pick<Model, 'name' | 'source'>): ModelReading => {
  const checked = architecture.schema.safeParse(settle(tree, architecture, wrapper !== null));
  if (!checked.success) return refuse(complaintsAbout(checked.error, tree));
  const model: Model = { ...named, ...checked.data, ...(wrapper !== null && { notes: [imagesNote(wrapper)] }) };
  const names = Object.entries(KEYS).map(([key, all]) => [key, all.find((known) => tree.children.has(known)) ?? key]);
  const complaints = impossibilities(model, tree, Object.fromEntries(names));
  return complaints.length > 0 ? refuse(complaints) : { kind: 'model', model: deepFreeze(model) };
};

const imagesNote = (wrapper: string): string =>
  `The part of ${wrapper} that reads images is not counted; this is its language model.`;

/** Sizes that a config of its own always states: without them it is broken, whatever its class would take for them. */
const STATED = ['hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'vocab_size'];

/** What is written, over what the configuration class takes for the rest; one nested in another may leave out its sizes too. */
const settle = (tree: Tree, { defaults, aliases = {} }: Architecture, isNested: boolean): Settings => {
  const below = Object.entries(defaults).filter(([key]) => isNested || !STATED.includes(key));
  const written = [...tree.children].map(([key, { value }]): [string, unknown] => {
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    return [tree.children.has(name) ? key : name, value];
  });
  return Object.fromEntries([...below, ...written]);
};

/** How the keys that a model can get wrong are called here; the first that the file has. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  heads: ['num_attention_heads', 'n_head'],
  kvHeads: ['num_key_value_heads'],
  ffn: ['intermediate_size', 'n_inner'],
  kvShare: ['cla_share_factor'],
  layers: ['num_hidden_layers', 'n_layer'],
  'experts.count': ['n_routed_experts', 'num_local_experts', 'num_experts'],
  'experts.active': ['num_experts_per_tok', 'moe_topk'],
};
