/** A job's layout in one line, as people say it. */
import type { Job } from '../scenario/job.ts';

export const shortLayout = ({ layout, recompute, devices, precision }: Job): string => {
  const { tp, pp, vp, dp, microbatch, schedule, zero, sequenceParallel } = layout;
  const again =
    recompute.kind === 'selective'
      ? `recompute ${recompute.modules.join('+')}`
      : recompute.kind === 'full'
        ? `recompute ${recompute.layers === 'all' ? 'full' : `full:${recompute.layers}`}`
        : 'no recompute';
  return [
    `${devices} devices`,
    `tp ${tp}${sequenceParallel ? '+sp' : ''}`,
    `pp ${pp}`,
    ...(vp > 1 ? [`vp ${vp}`] : []),
    `dp ${dp}`,
    `microbatch ${microbatch}`,
    ...(pp > 1 ? [schedule] : []),
    `zero ${zero}`,
    again,
    precision,
  ].join(', ');
};
