/** Which row of the time table an effect belongs to. */
import type { Axis } from '../effects/group.ts';
import type { Op } from '../kernels/op.ts';
import { classOf, isOnHost } from '../kernels/op.ts';
import type { Term } from './evaluation.ts';

export const termOfOp = (op: Op): Term => (isOnHost(op) ? 'offload' : classOf(op));

/** Messages between stages are waited for as part of the bubble; the supervisor's reports cost nobody time. */
export const TERM_OF_AXIS: Readonly<Record<Axis, Term>> = {
  tp: 'tp',
  cp: 'cp',
  pp: 'bubble',
  dp: 'dp',
  ep: 'ep',
  etp: 'tp',
  edp: 'dp',
  replica: 'dp',
  control: 'bubble',
};
