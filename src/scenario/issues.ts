/** What zod noticed, as complaints: its paths become places in the files, its messages (see `shape.ts`) sentences. */
import type { z } from 'zod';
import type { Complaint } from './complaint.ts';
import { nearestName } from './nearest.ts';
import type { Tree } from './tree.ts';
import { nearestAt } from './tree.ts';

type Issue = z.core.$ZodIssue;

export const complaintsAbout = (error: z.ZodError, tree: Tree): readonly Complaint[] => {
  const issues = error.issues.flatMap((issue) => unfold(issue, tree));
  return issues.filter((issue) => !isMisspelt(issue, issues)).flatMap((issue) => sentences(issue, tree));
};

/** True for a key that is missing only because it is there under a name one slip away: one mistake, one complaint. */
const isMisspelt = ({ path }: Issue, issues: readonly Issue[]): boolean => {
  const wanted = String(path.at(-1));
  const parent = path.slice(0, -1).join('.');
  return issues.some(
    (other) =>
      other.code === 'unrecognized_keys' &&
      other.path.join('.') === parent &&
      other.keys.some((key) => nearestName(key, [wanted]) !== null),
  );
};

/** At the value itself, or at the key for what is wrong with the key. */
export const complaintAt = (
  tree: Tree,
  message: string,
  { suggestion = null, part = 'at' }: { readonly suggestion?: string | null; readonly part?: 'at' | 'key' } = {},
): Complaint => ({ ...tree[part], path: tree.path, message, suggestion });

/** A value as it is quoted in a complaint; a text in quotes where it would be taken for something else without them. */
export const show = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing';
  const isPlain = typeof value === 'number' || (typeof value === 'string' && !NEEDS_QUOTES.test(value));
  const text = isPlain ? String(value) : JSON.stringify(value);
  const line = text.replaceAll(/\s+/gu, ' ');
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
};

/** Nothing, space at an end, a number, or a word that means something in YAML. */
const NEEDS_QUOTES = /^$|^\s|\s$|^[\d.+-]+$|^(?:true|false|null)$/u;

/** Of a value that may have several forms, only the form it was meant to have is talked about, if that can be told. */
const unfold = (issue: Issue, tree: Tree): Issue[] => {
  if (issue.code !== 'invalid_union') return [issue];
  const { value } = nearestAt(tree, issue.path);
  const meant = issue.errors
    .filter((branch) => !branch.some((inner) => isOtherForm(inner, value)))
    .map((branch) => branch.flatMap((inner) => unfold({ ...inner, path: [...issue.path, ...inner.path] }, tree)));
  const slips = (branch: readonly Issue[]): number =>
    branch.reduce((sum, inner) => sum + strangeKeys(inner, issue.path, tree), 0);
  return meant.toSorted((a, b) => slips(a) - slips(b))[0] ?? [issue];
};

/** How many keys of the mapping at `path` are unknown to a form or missing for it: the form with the fewest is meant. */
const strangeKeys = (issue: Issue, path: readonly PropertyKey[], tree: Tree): number => {
  if (issue.code === 'unrecognized_keys') return issue.path.length === path.length ? issue.keys.length : 0;
  return issue.path.length === path.length + 1 && isMissing(issue.path, tree) ? 1 : 0;
};

/** True when the value has not even the form (mapping, list, text, number) that this branch asks for. */
const isOtherForm = (issue: Issue, value: unknown): boolean => {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union')
    return issue.errors.every((branch) => branch.some((inner) => isOtherForm(inner, value)));
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof value === 'object');
};

const sentences = (issue: Issue, tree: Tree): readonly Complaint[] => {
  const found = nearestAt(tree, issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(key, issue.message.split(', '), found));
  if (isMissing(issue.path, tree)) return [missing(String(issue.path.at(-1)), issue.message, found)];
  if (issue.code === 'custom') {
    const suggestion: unknown = issue.params?.['suggestion'];
    return [complaintAt(found, issue.message, { suggestion: typeof suggestion === 'string' ? suggestion : null })];
  }
  if (found.value === '' && issue.code === 'too_small')
    return [complaintAt(found, `is empty; wanted ${issue.message}`)];
  return [complaintAt(found, `${show(found.value)} is not ${issue.message}`, { suggestion: meantBy(found, issue) })];
};

/** One of the names that are wanted, or the number in a text of digits; null when nothing comes near. */
const meantBy = ({ value }: Tree, issue: Issue): string | null => {
  if (typeof value !== 'string') return null;
  if (issue.code === 'invalid_value') return nearestName(value, issue.values.map(String));
  return /whole number/u.test(issue.message) && /^[1-9]\d*$/u.test(value) ? value : null;
};

const isMissing = (path: readonly PropertyKey[], tree: Tree): boolean => {
  const last = path.at(-1);
  return last !== undefined && !nearestAt(tree, path.slice(0, -1)).children.has(String(last));
};

const missing = (key: string, wanted: string, parent: Tree): Complaint => ({
  ...complaintAt(parent, `is missing; wanted ${wanted}`, { part: 'key' }),
  path: parent.path === '' ? key : `${parent.path}.${key}`,
});

/** Keys of the design that belong to later versions: known, but not here yet. */
const LATER: Readonly<Record<string, string>> = {
  'memory.optimizer': 'belongs to offloading, which this version does not have',
  'memory.activations': 'belongs to offloading, which this version does not have',
  'memory.tiers': 'belongs to offloading, which this version does not have',
};

const unknownKey = (key: string, known: readonly string[], parent: Tree): Complaint => {
  const child = nearestAt(parent, [key]);
  const later = Object.hasOwn(LATER, child.path) ? LATER[child.path] : undefined;
  if (later !== undefined) return complaintAt(child, later, { part: 'key' });
  const message = `is not a key here; the keys are ${known.join(', ')}`;
  return complaintAt(child, message, { suggestion: nearestName(key, known), part: 'key' });
};
