/** The schedules that the laws are for: those shipped, by their names, and those of `examples/`, which place chunks round. */
import type { PassTimes, Pipeline, Schedule, Seat } from '../../src/actors/schedules/pass-order.ts';
import * as shipped from '../../src/actors/schedules/schedule.ts';
import type { ScheduleName } from '../../src/scenario/job.ts';
import { SCHEDULES } from '../../src/scenario/job.ts';
import { eagerOneForwardOneBackward } from '../../examples/eager-one-forward-one-backward.ts';

/** A schedule of one's own is checked once it stands here. */
const EXAMPLES = { 'eager 1f1b': eagerOneForwardOneBackward } as const satisfies Readonly<Record<string, Schedule>>;

type ExampleName = keyof typeof EXAMPLES;
export type TriedName = ScheduleName | ExampleName;
const isExample = (name: TriedName): name is ExampleName => name in EXAMPLES;
export const TRIED: readonly TriedName[] = [...SCHEDULES, ...(Object.keys(EXAMPLES) as ExampleName[])];

export const scheduleNamed = (name: TriedName): Schedule =>
  isExample(name) ? EXAMPLES[name] : shipped.scheduleNamed(name);
export const splitsBackward = (name: TriedName): boolean => scheduleNamed(name).splitsBackward;
export const inFlightPeak = ({ name, ...seat }: Seat & { readonly name: TriedName }): number =>
  scheduleNamed(name).inFlightPeak(seat);
export const microbatchesToPeak = (name: TriedName, pipeline: Pipeline): number =>
  scheduleNamed(name).microbatchesToPeak(pipeline);
export const scheduleRule = (name: TriedName, pipeline: Pipeline): string | null =>
  isExample(name) ? scheduleNamed(name).rule(pipeline) : shipped.scheduleRule(name, pipeline);
export const passCount = (name: TriedName, pipeline: Pipeline): number =>
  shipped.passCount(isExample(name) ? 'gpipe' : name, pipeline);
/** Of the time from a stage's first pass to its last. */
export const bubbleFraction = (name: TriedName, pipeline: Pipeline, times: PassTimes): number | null => {
  if (!isExample(name)) return shipped.bubbleFraction(name, pipeline, times);
  const bubble = scheduleNamed(name).bubble(pipeline, times);
  const work = passCount(name, pipeline) * (times.forward + times.backward + times.weight);
  return bubble === null ? null : bubble / (bubble + work);
};
