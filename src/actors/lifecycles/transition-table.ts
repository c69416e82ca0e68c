/** A statechart unrolled into a table, for thousands of actors at nanoseconds an event; XState remains its specification. */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { initialTransition, transition } from 'xstate';
import { zeroSeconds } from '../../units/quantity.ts';
import type { ChartInput, StateOf, Subject } from './charts.ts';
import { CHARTS, eventsOf, refusalOf, TIMEOUT } from './charts.ts';

/**
 * States and events are indices here, and a life begins in state 0. The end of a delay, which XState brings about by
 * itself, is the last event, `timeout`: a world starts the delay on entering a state from which it leads somewhere, and
 * drops it on leaving that state.
 */
export interface TransitionTable<S extends Subject> {
  readonly subject: S;
  readonly states: readonly StateOf<S>[];
  readonly events: readonly string[];
  /** Where an event leads, by `state * events.length + event`; `REFUSED` where the state does not know it. */
  readonly next: Uint8Array;
}

export const REFUSED = 255;

/** Explores the chart from its first state. Right for flat charts whose guards read no context, and ours have no guards. */
export const compileLifecycle = <S extends Subject>(subject: S): TransitionTable<S> => {
  const chart: AnyStateMachine = CHARTS[subject];
  const events = [...eventsOf(subject), TIMEOUT];
  const input: ChartInput = { restart: zeroSeconds };
  const reached: AnyMachineSnapshot[] = [initialTransition(chart, input)[0]];
  const next: number[] = [];
  for (const from of reached)
    for (const event of events) {
      const to = snapshotAfter(chart, from, event);
      next.push(to === null ? REFUSED : indexAmong(reached, to));
    }
  return { subject, states: reached.map(({ value }) => value), events, next: Uint8Array.from(next) };
};

/** The state after `event`, which `state` must know. */
export const stateAfter = <S extends Subject>(table: TransitionTable<S>, state: number, event: number): number => {
  const next = table.next[state * table.events.length + event] ?? REFUSED;
  if (next === REFUSED) throw tableRefusal(table, state, event);
  return next;
};

const snapshotAfter = (chart: AnyStateMachine, from: AnyMachineSnapshot, event: string): AnyMachineSnapshot | null => {
  const type = event === TIMEOUT ? chart.states[from.value]?.after[0]?.eventType : event;
  return type !== undefined && from.can({ type }) ? transition(chart, from, { type })[0] : null;
};

/** Where the snapshot's state is among those reached; a new one goes to the end. */
const indexAmong = (reached: AnyMachineSnapshot[], snapshot: AnyMachineSnapshot): number => {
  const index = reached.findIndex(({ value }) => value === snapshot.value);
  return index >= 0 ? index : reached.push(snapshot) - 1;
};

const tableRefusal = <S extends Subject>(table: TransitionTable<S>, state: number, event: number): Error => {
  const { subject, states, events, next } = table;
  const legal = events.filter((_, column) => next[state * events.length + column] !== REFUSED);
  return refusalOf({ subject, state: String(states[state]), event: String(events[event]), legal });
};
