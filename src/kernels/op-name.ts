/** The kinds of work that a processor's kernels do at a rate of their own: what each is called, and how large it is. */
import type { Op } from './op.ts';

/** A product's rows, columns and depth; of attention its queries, its keys and the width of a key. */
export interface Extent {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** The kind of an operation with all that decides which loop runs, but no size: `norm rmsnorm forward bf16`. */
export const nameOf = (op: Op): string => {
  const words: string[] = [op.kind];
  if ('transpose' in op) words.push(op.transpose);
  if ('norm' in op && op.kind === 'norm') words.push(op.norm);
  if ('activation' in op) words.push(...(op.gated ? ['gated'] : []), op.activation);
  if ('direction' in op) words.push(op.direction);
  if ('pass' in op) words.push(op.pass);
  if ('dtype' in op) words.push(op.dtype);
  if ('weight' in op && 'gradient' in op) words.push(op.weight);
  if (op.kind === 'cast') words.push(op.from, op.to);
  return words.join(' ');
};

/** Null of what multiplies no matrices. */
export const extentOf = (op: Op): Extent | null => {
  if (op.kind === 'matmul') return { rows: op.m, columns: op.n, depth: op.k };
  if (op.kind === 'flash-attention') return { rows: op.queries, columns: op.keys, depth: op.keyDim };
  if (op.kind !== 'grouped-matmul') return null;
  // Of one group. Its rows are the depth of a weight's gradient.
  const rows = Math.max(1, op.rows / op.groups);
  return op.transpose === 'tn' ? { rows: op.k, columns: op.n, depth: rows } : { rows, columns: op.n, depth: op.k };
};
