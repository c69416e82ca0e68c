/** The config.json of a Hugging Face model, read into a `Model`. An architecture that is not known here is refused. */
import type { z } from 'zod';
import type { Complaint } from './complaint.ts';
import { inLine, inReadingOrder } from './complaint.ts';
import { deepFreeze } from './freeze.ts';
import { fromGpt2, fromGptNeox, gpt2, gptNeox } from './hugging-face-gpt.ts';
import { DIALECTS, fromLlamaLike, llamaLike } from './hugging-face-llama.ts';
import type { Shape } from './hugging-face-settings.ts';
import { complaintAt, complaintsAbout, show } from './issues.ts';
import { jsonFault } from './json-fault.ts';
import { modelContradictions } from './model-schema.ts';
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
  const architecture = architectureOf(tree);
  if (typeof architecture !== 'string') return refuse([architecture]);
  return READERS[architecture](tree, source);
};

const refuse = (complaints: readonly Complaint[]): ModelReading => ({
  kind: 'complaints',
  complaints: inReadingOrder(complaints),
});

const NAMES = ['llama', 'mistral', 'qwen2', 'gpt2', 'gpt_neox'] as const;
type Name = (typeof NAMES)[number];
const CLASSES: Readonly<Record<string, Name>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'mistral',
  Qwen2ForCausalLM: 'qwen2',
  GPT2LMHeadModel: 'gpt2',
  GPTNeoXForCausalLM: 'gpt_neox',
};

/** By `model_type`, or by the class named in `architectures` where that alone is given. */
const architectureOf = (tree: Tree): Name | Complaint => {
  const type = tree.children.get('model_type');
  const isNamed = type !== undefined && type.value !== null;
  const written = (isNamed ? type : undefined) ?? tree.children.get('architectures')?.children.get('0');
  if (written === undefined)
    return complaintAt(tree, `names no architecture: model_type is missing; known are ${NAMES.join(', ')}`);
  const text = String(written.value);
  const name = Object.hasOwn(CLASSES, text) ? CLASSES[text] : NAMES.find((known) => known === text);
  const traits = traitsOf(tree);
  if (name !== undefined && traits.length === 0) return name;
  const missing = traits.length > 0 ? traits.join(', ') : 'a description of how its layers are built';
  const known = name === undefined ? `is not an architecture known here (${NAMES.join(', ')})` : 'is not all of it';
  const message = `${show(written.value)} ${known}; missing is ${missing}`;
  return complaintAt(written, message, { suggestion: name === undefined ? sameLetters(text, isNamed) : null });
};

/** Only another spelling of a known name is offered: mixtral is no misspelt mistral, nor is llava a llama. */
const sameLetters = (text: string, isType: boolean): string | null => {
  return (isType ? NAMES : Object.keys(CLASSES)).find((name) => letters(name) === letters(text)) ?? null;
};
const letters = (name: string): string => name.toLowerCase().replaceAll(/[^a-z\d]/gu, '');

/** Settings that give away what no architecture known here is made of. */
const TRAITS: Readonly<Record<string, readonly string[]>> = {
  'mixture of experts': ['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_intermediate_size'],
  'latent attention': ['kv_lora_rank'],
  'state-space layers': ['ssm_cfg', 'state_size', 'mamba_d_state'],
  'an encoder beside the decoder': ['is_encoder_decoder', 'encoder_layers', 'd_kv'],
  'images or sound beside text': ['vision_config', 'text_config', 'audio_config'],
};
const traitsOf = (tree: Tree): readonly string[] =>
  Object.entries(TRAITS).flatMap(([trait, keys]) => {
    const found = keys.find((key) => Boolean(tree.children.get(key)?.value));
    return found === undefined ? [] : [`${trait} (${found})`];
  });

/** How the keys that a model can get wrong are called here; the first that the file has. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  heads: ['num_attention_heads', 'n_head'],
  kvHeads: ['num_key_value_heads'],
  ffn: ['intermediate_size', 'n_inner'],
};

const reader =
  <Written>(schema: z.ZodType<Written>, make: (written: Written) => Shape) =>
  (tree: Tree, source: Source): ModelReading => {
    const checked = schema.safeParse(tree.value);
    if (!checked.success) return refuse(complaintsAbout(checked.error, tree));
    const path = tree.children.get('_name_or_path')?.value;
    const name = typeof path === 'string' && path !== '' ? inLine(path) : source.file;
    const model: Model = { name, ...make(checked.data), source: source.file };
    const names = Object.entries(KEYS).map(([key, all]) => [key, all.find((known) => tree.children.has(known)) ?? key]);
    const complaints = modelContradictions(model, tree, Object.fromEntries(names));
    return complaints.length > 0 ? refuse(complaints) : { kind: 'model', model: deepFreeze(model) };
  };

const READERS: Readonly<Record<Name, (tree: Tree, source: Source) => ModelReading>> = {
  llama: reader(llamaLike, fromLlamaLike(DIALECTS.llama)),
  mistral: reader(llamaLike, fromLlamaLike(DIALECTS.mistral)),
  qwen2: reader(llamaLike, fromLlamaLike(DIALECTS.qwen2)),
  gpt2: reader(gpt2, fromGpt2),
  gpt_neox: reader(gptNeox, fromGptNeox),
};
