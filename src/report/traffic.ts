/** Bytes of a job's messages by the axis that they travel along and the link that they take. */
import type { Axis } from '../effects/group.ts';
import { AXES } from '../effects/group.ts';
import type { Trace } from '../effects/trace.ts';

export const LINKS = ['scale-up', 'nic'] as const;
export type LinkName = (typeof LINKS)[number];

export interface Traffic {
  readonly axis: Axis;
  readonly link: LinkName;
  readonly messages: number;
  readonly bytes: number;
}

/** All messages of all ranks; axes and links without any are left out. */
export const trafficOf = (trace: Trace, scaleUpDomain: number): readonly Traffic[] => {
  const found = new Map<string, Traffic>();
  for (const entry of trace) {
    if (entry.kind !== 'message') continue;
    const { axis, from, to, size } = entry;
    const link = Math.floor(from / scaleUpDomain) === Math.floor(to / scaleUpDomain) ? 'scale-up' : 'nic';
    const { messages, bytes } = found.get(`${axis} ${link}`) ?? { messages: 0, bytes: 0 };
    found.set(`${axis} ${link}`, { axis, link, messages: messages + 1, bytes: bytes + size });
  }
  return AXES.flatMap((axis) => LINKS.flatMap((link) => found.get(`${axis} ${link}`) ?? []));
};
