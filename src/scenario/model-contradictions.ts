/** What no transformer can be, found in a model that was read, and complained of where it was written. */
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import type { Model } from './model.ts';
import { nearestNumber } from './nearest.ts';
import type { Tree } from './tree.ts';
import { nearestAt, writtenHere } from './tree.ts';

/** Of a model in our own words. */
export const modelContradictions = (model: Model, tree: Tree): readonly Complaint[] => {
  const omissions = OMISSIONS.flatMap((check) => check(model, (key) => isWritten(key, tree)) ?? []);
  return [...omissions.map((finding) => complaintAbout(finding, tree, (key) => key)), ...impossibilities(model, tree)];
};

/** Of any model. `names` says what its keys are called in a file that is not ours. */
export const impossibilities = (
  model: Model,
  tree: Tree,
  names: Readonly<Record<string, string>> = {},
): readonly Complaint[] =>
  CHECKS.flatMap((check) => check(model) ?? []).map((finding) =>
    complaintAbout(finding, tree, (key) => names[key] ?? key),
  );

interface Finding {
  /** Those that do not go together; the suggestion is for the first. */
  readonly keys: readonly [string, ...string[]];
  readonly message: string;
  readonly suggestion?: number | string | null;
}

const complaintAbout = (
  { keys, message, suggestion = null }: Finding,
  tree: Tree,
  nameOf: (key: string) => string,
): Complaint => {
  const named = keys.map(nameOf);
  const written = named.filter((key) => isWritten(key, tree));
  const place = writtenHere(tree, written.length > 0 ? written : named);
  const isFirst = written.length > 0 && place === nearestAt(tree, pathOf(named[0] ?? ''));
  return complaintAt(place, message, { suggestion: isFirst && suggestion !== null ? String(suggestion) : null });
};

const pathOf = (key: string): readonly string[] => key.split('.');
const isWritten = (key: string, tree: Tree): boolean =>
  nearestAt(tree, pathOf(key)) !== nearestAt(tree, pathOf(key).slice(0, -1));

/** What our own files may not leave out. */
type Omission = (model: Model, isGiven: (key: string) => boolean) => Finding | null;

const gatedHasWidth: Omission = ({ gated }, isGiven) =>
  gated && !isGiven('ffn') && !isGiven('experts.ffn')
    ? { keys: ['gated'], message: 'a gated MLP needs its width: ffn is missing' }
    : null;

const denseHasWidth: Omission = ({ experts }, isGiven) =>
  experts !== null && !isGiven('ffn') && experts.layers.includes(false)
    ? { keys: ['experts'], message: 'the layers without experts need the width of their MLP: ffn is missing' }
    : null;

const latentHasWidth: Omission = ({ latent }, isGiven) =>
  latent !== null && !isGiven('headDim')
    ? { keys: ['latent'], message: "latent attention needs the width of a head's values: headDim is missing" }
    : null;

const sharedOnce: Omission = (_model, isGiven) =>
  isGiven('experts.shared') && isGiven('experts.sharedFfn')
    ? {
        keys: ['experts.sharedFfn', 'experts.shared'],
        message: 'shared and sharedFfn both say how wide the shared experts are; wanted one of them',
      }
    : null;

const OMISSIONS: readonly Omission[] = [gatedHasWidth, denseHasWidth, latentHasWidth, sharedOnce];

type Check = (model: Model) => Finding | null;

const headsDivideHidden: Check = ({ heads, hidden, headDim }) =>
  Number.isInteger(headDim)
    ? null
    : {
        keys: ['heads', 'hidden'],
        message: `${heads} heads do not divide hidden ${hidden}, and the width of a head is not given`,
        suggestion: nearestDivisor(heads, hidden),
      };

const groupsDivideHeads: Check = ({ kvHeads, heads }) =>
  heads % kvHeads === 0
    ? null
    : {
        keys: ['kvHeads', 'heads'],
        message: `${kvHeads} kv heads do not divide ${heads} heads`,
        suggestion: nearestDivisor(kvHeads, heads),
      };

const learnedHasTable: Check = ({ position, positions }) =>
  position === 'learned' && positions === 0
    ? {
        keys: ['position', 'positions'],
        message: 'learned positions need the rows of their table: positions is missing',
      }
    : null;

const othersHaveNone: Check = ({ position, positions }) =>
  position !== 'learned' && positions > 0
    ? {
        keys: ['positions', 'position'],
        message: `${position} positions have no table: positions must be 0`,
        suggestion: 0,
      }
    : null;

const latentIsWhole: Check = ({ latent, kvHeads, heads }) =>
  latent !== null && kvHeads !== heads
    ? {
        keys: ['kvHeads', 'heads'],
        message: `${kvHeads} kv heads: with latent attention each of the ${heads} heads has its own keys and values`,
        suggestion: heads,
      }
    : null;

const latentIsAlone: Check = ({ latent, qkNorm, kvShare }) => {
  if (latent === null) return null;
  if (qkNorm !== 'none')
    return {
      keys: ['qkNorm', 'latent'],
      message: 'latent attention norms its latents, not queries and keys',
      suggestion: 'none',
    };
  return kvShare > 1
    ? {
        keys: ['kvShare', 'latent'],
        message: 'latent attention has no keys and values to share between layers',
        suggestion: 1,
      }
    : null;
};

const latentIsRotary: Check = ({ latent, position }) =>
  latent !== null && position !== 'rope'
    ? {
        keys: ['position', 'latent'],
        message: `${position} positions: latent attention has rotary ones`,
        suggestion: 'rope',
      }
    : null;

const windowIsSomewhere: Check = ({ window }) =>
  window !== null && !window.layers.includes(true)
    ? { keys: ['window.fullEvery', 'window.fullFirst', 'window'], message: 'no layer has the window; leave window out' }
    : null;

const activeExist: Check = ({ experts }) =>
  experts !== null && experts.active > experts.count
    ? {
        keys: ['experts.active', 'experts.count'],
        message: `${experts.active} active experts are more than the ${experts.count} there are`,
        suggestion: experts.count,
      }
    : null;

const expertsAreSomewhere: Check = ({ experts, layers }) =>
  experts !== null && !experts.layers.includes(true)
    ? {
        keys: ['experts.denseFirst', 'experts.every', 'experts'],
        message: `none of the ${layers} layers has experts; leave experts out`,
      }
    : null;

const gateHasExpert: Check = ({ experts }) =>
  experts !== null && experts.sharedGate && experts.sharedFfn === 0
    ? { keys: ['experts.sharedGate'], message: 'there is no shared expert for the gate to weigh', suggestion: 'false' }
    : null;

const sharersExist: Check = ({ kvShare, layers }) =>
  kvShare > layers
    ? {
        keys: ['kvShare', 'layers'],
        message: `${kvShare} layers in a row are more than the ${layers} there are`,
        suggestion: layers,
      }
    : null;

const branchesEndOnce: Check = ({ postNorms, parallelBlock }) =>
  postNorms && parallelBlock
    ? {
        keys: ['postNorms', 'parallelBlock'],
        message: 'branches side by side end in no norm of their own',
        suggestion: 'false',
      }
    : null;

const CHECKS: readonly Check[] = [
  headsDivideHidden,
  groupsDivideHeads,
  learnedHasTable,
  othersHaveNone,
  latentIsWhole,
  latentIsAlone,
  latentIsRotary,
  windowIsSomewhere,
  activeExist,
  expertsAreSomewhere,
  gateHasExpert,
  sharersExist,
  branchesEndOnce,
];

const nearestDivisor = (written: number, whole: number): number | null =>
  nearestNumber(written, { max: whole, isAllowed: (candidate) => whole % candidate === 0 });
