/** What a mixture of experts does beside its dense parts. */
import type { GroupedMatmul } from '../op/grouped-matmul.ts';
import type { Permute, TopK } from '../op/routing.ts';
import type { Reference } from './operand.ts';

export const topK: Reference<TopK> = () => refuse('the choice of experts');
export const permute: Reference<Permute> = () => refuse('moving rows to experts');
export const groupedMatmul: Reference<GroupedMatmul> = () => refuse('the products of several experts');

const refuse = (what: string): never => {
  throw new TypeError(`${what} is not computed yet`);
};
