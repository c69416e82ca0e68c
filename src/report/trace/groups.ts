/** Numbers for the groups of ranks that combine their tensors, the same in the files of all ranks. */
import type { Group } from '../../effects/group.ts';
import type { Trace } from '../../effects/trace.ts';
import { membersOf } from './kernels.ts';
import { groupName } from './words.ts';

/** By the group's name; from 1 on. */
export type GroupNumbers = ReadonlyMap<string, { readonly number: number; readonly group: Group }>;

export const groupNumbers = (trace: Trace): GroupNumbers => {
  const groups = new Map<string, Group>();
  for (const entry of trace)
    if (entry.kind === 'collective' && entry.group.size > 1) groups.set(groupName(entry.group), entry.group);
  const names = [...groups.keys()].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return new Map(names.map((name, index) => [name, { number: index + 1, group: groups.get(name)! }]));
};

/** The ranks of each number, as ASTRA-sim reads them. */
export const groupsJson = (groups: GroupNumbers): string => {
  const members = [...groups.values()].map(({ number, group }) => [number, membersOf(group)]);
  return `${JSON.stringify(Object.fromEntries(members), null, 1)}\n`;
};
