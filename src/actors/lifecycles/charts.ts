/** Every subject of a mark with its statechart, and what the charts have in common. */
import type { AnyStateMachine, SnapshotFrom } from 'xstate';
import type { Mark } from '../../effects/effect.ts';
import type { Seconds } from '../../units/quantity.ts';
import { deviceLifecycle } from './device.ts';
import { jobLifecycle } from './job.ts';
import { loaderLifecycle } from './loader.ts';
import { shardLifecycle } from './shard.ts';
import { stageLifecycle } from './stage.ts';

export type Subject = Mark['subject'];

export const CHARTS = {
  device: deviceLifecycle,
  stage: stageLifecycle,
  shard: shardLifecycle,
  loader: loaderLifecycle,
  job: jobLifecycle,
} as const satisfies Record<Subject, AnyStateMachine>;

export type StateOf<S extends Subject> = SnapshotFrom<(typeof CHARTS)[S]>['value'];

/** What a world tells a chart of itself. */
export interface ChartInput {
  /** From the replacement of a card to the moment when it computes again. */
  readonly restart: Seconds;
}

/** What the end of a delay is called; no world sends it, its clock brings it. */
export const TIMEOUT = 'timeout';

/** The events that a world may send to the subject, in one state or another. */
export const eventsOf = (subject: Subject): readonly string[] =>
  CHARTS[subject].events.filter((type) => !type.startsWith('xstate.'));

/** An illegal event breaks an invariant of whoever sent it. */
export const refusalOf = ({ subject, state, event, legal }: Refused): Error =>
  new Error(`${subject} lifecycle: event '${event}' in state '${state}', wanted ${legal.join(' or ') || 'none'}`);

interface Refused {
  readonly subject: Subject;
  readonly state: string;
  readonly event: string;
  /** The events that the state does know. */
  readonly legal: readonly string[];
}
