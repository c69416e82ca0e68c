/** Which architecture a config.json is of, and where in it the settings of its language model stand. */
import type { Complaint } from './complaint.ts';
import { ARCHITECTURES, CLASSES, WRAPPER_CLASSES, WRAPPERS } from './hugging-face-architectures.ts';
import type { Architecture, Trait } from './hugging-face-settings.ts';
import { complaintAt, show } from './issues.ts';
import type { Tree } from './tree.ts';
import { isRecord } from './tree.ts';

export interface Found {
  readonly kind: 'found';
  readonly architecture: Architecture;
  /** The settings of the language model. */
  readonly tree: Tree;
  /** The model around the language model, which stands in its `text_config`; null when there is none. */
  readonly wrapper: string | null;
}
type Sought = Found | { readonly kind: 'complaint'; readonly complaint: Complaint };

const NAMES = [...ARCHITECTURES.keys(), ...WRAPPERS.keys()];

export const architectureOf = (tree: Tree): Sought => {
  const written = nameIn(tree);
  if (written === null)
    return refused(complaintAt(tree, `names no architecture: model_type is missing; known are ${NAMES.join(', ')}`));
  const text = textOf(written);
  const wrapper = WRAPPER_CLASSES.get(text) ?? text;
  return WRAPPERS.has(wrapper) ? withinWrapper(tree, wrapper) : byName(tree, { name: text, written });
};

const refused = (complaint: Complaint): Sought => ({ kind: 'complaint', complaint });

/** By `model_type`, or by the class named in `architectures` where that alone is given. */
const nameIn = (tree: Tree): Tree | null => {
  const type = tree.children.get('model_type');
  const isNamed = type !== undefined && type.value !== null;
  return (isNamed ? type : undefined) ?? tree.children.get('architectures')?.children.get('0') ?? null;
};

/** What is no text names nothing. */
const textOf = ({ value }: Tree): string => (typeof value === 'string' ? value : '');

const withinWrapper = (tree: Tree, wrapper: string): Sought => {
  const settings = tree.children.get('text_config');
  if (settings === undefined || !isRecord(settings))
    return refused(
      complaintAt(settings ?? tree, `${wrapper} has no text_config: wanted its language model's settings`),
    );
  const written = nameIn(settings) ?? settings;
  const name = written === settings ? (WRAPPERS.get(wrapper) ?? '') : textOf(written);
  const found = byName(settings, { name, written });
  return found.kind === 'found' ? { ...found, wrapper } : found;
};

/** `written` is where the name stands. */
const byName = (tree: Tree, { name, written }: { readonly name: string; readonly written: Tree }): Sought => {
  const architecture = ARCHITECTURES.get(CLASSES.get(name) ?? name);
  const traits = traitsOf(tree).filter(({ trait }) => architecture?.traits?.includes(trait) !== true);
  if (architecture !== undefined && traits.length === 0) return { kind: 'found', architecture, tree, wrapper: null };
  const named = traits.map(({ trait, key }) => `${trait} (${key})`).join(', ');
  if (architecture !== undefined)
    return refused(complaintAt(written, `${show(written.value)} is not all of it; missing is ${named}`));
  const missing = `a description of how its layers are built${named === '' ? '' : `, with ${named}`}`;
  const message = `${show(written.value)} is not an architecture known here (${NAMES.join(', ')}); missing is ${missing}`;
  return refused(complaintAt(written, message, { suggestion: sameLetters(name) }));
};

/** Only another spelling of a known name is offered: llava is no misspelt llama. */
const sameLetters = (text: string): string | null =>
  [...NAMES, ...CLASSES.keys()].find((name) => letters(name) === letters(text)) ?? null;
const letters = (name: string): string => name.toLowerCase().replaceAll(/[^a-z\d]/gu, '');

/** Settings that give away what an architecture is made of beyond a plain decoder. */
const TRAITS: readonly { readonly trait: Trait; readonly keys: readonly string[] }[] = [
  {
    trait: 'mixture of experts',
    keys: ['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_intermediate_size'],
  },
  { trait: 'latent attention', keys: ['kv_lora_rank'] },
  { trait: 'state-space layers', keys: ['ssm_cfg', 'state_size', 'mamba_d_state'] },
  { trait: 'an encoder beside the decoder', keys: ['is_encoder_decoder', 'encoder_layers', 'd_kv'] },
  { trait: 'images or sound beside text', keys: ['vision_config', 'text_config', 'audio_config'] },
];
const traitsOf = (tree: Tree): readonly { readonly trait: Trait; readonly key: string }[] =>
  TRAITS.flatMap(({ trait, keys }) => {
    const key = keys.find((one) => tells(tree.children.get(one)?.value));
    return key === undefined ? [] : [{ trait, key }];
  });
/** One expert is a dense MLP. */
const tells = (value: unknown): boolean => Boolean(value) && value !== 1;
