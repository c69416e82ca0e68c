/** A job's layout in one line, as people say it. */
import type { Job, Offload } from '../scenario/job.ts';

export const shortLayout = ({ layout, recompute, offload, devices, precision }: Job): string => {
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
    ...furtherRanks(layout),
    `pp ${pp}`,
    ...(vp > 1 ? [`vp ${vp}`] : []),
    ...unevenEnds(layout),
    `dp ${dp}`,
    `microbatch ${microbatch}`,
    ...(pp > 1 ? [schedule] : []),
    `zero ${zero}${layout.replicas > 1 ? ` in ${layout.replicas} replicas` : ''}`,
    again,
    precision,
    ...offloadText(offload),
  ].join(', ');
};

/** `cp 4 (ring)`, `ep 8`, `etp 2`: nothing where an axis is left out. */
export const furtherRanks = ({ cp, contextKind, ep, etp }: Job['layout']): readonly string[] => [
  ...(cp > 1 ? [`cp ${cp} (${contextKind})`] : []),
  ...(ep > 1 ? [`ep ${ep}`] : []),
  ...(etp > 1 ? [`etp ${etp}`] : []),
];

export const unevenEnds = ({ firstLayers, lastLayers }: Job['layout']): readonly string[] => [
  ...(firstLayers === null ? [] : [`first ${firstLayers} layers`]),
  ...(lastLayers === null ? [] : [`last ${lastLayers} layers`]),
];

/** What lies on the host; nothing where nothing does. */
export const offloadText = ({ optimizer, activations }: Offload): readonly string[] => [
  ...(optimizer === 'none' ? [] : [`optimizer in ${optimizer}`]),
  ...(activations === 0 ? [] : [`${(activations * 100).toFixed(0)}% of the activations in dram`]),
];
