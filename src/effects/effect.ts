/**
 * What an actor may ask for. An actor never does anything itself: it yields one of these and is resumed with the answer.
 * `sim/` answers with virtual time, `exec/` with real work; the actor cannot tell which.
 */
import type { Op } from '../kernels/op.ts';
import type { Positions } from '../kernels/op/positions.ts';
import type { Moment } from '../memory/moment.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { Tier } from '../memory/tier.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import type { Axis, Group } from './group.ts';
import type { ShareRun, State } from './share.ts';
import type { Block, Tensor } from './tensor.ts';

/** Ties an effect to the type of its answer. The field is never set: it exists for the compiler only. */
interface Ask<Answer> {
  readonly answer?: Answer;
}

/** Runs one operation; the program has allocated the outputs. */
export interface Compute extends Ask<void> {
  readonly kind: 'compute';
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}
/** Puts a message on its way and goes on at once. Messages of one (from, to, tag) arrive in the order they were sent. */
export interface Send extends Ask<void> {
  readonly kind: 'send';
  readonly to: Rank;
  readonly axis: Axis;
  readonly tag: number;
  readonly tensor: Tensor;
}
/** Waits for the message and writes it into `into`. */
export interface Receive extends Ask<void> {
  readonly kind: 'receive';
  readonly from: Rank;
  readonly axis: Axis;
  readonly tag: number;
  readonly into: Tensor;
}
/** Waits for the first message with this tag from any of the ranks: the answer is who sent it. */
export interface ReceiveAny extends Ask<Rank> {
  readonly kind: 'receiveAny';
  readonly from: readonly Rank[];
  readonly axis: Axis;
  readonly tag: number;
  readonly into: Tensor;
}
export interface Allocate extends Ask<Block> {
  readonly kind: 'allocate';
  readonly size: Bytes;
  readonly purpose: Purpose;
  readonly tier: Tier;
}
/** On the card: a block that was moved away has been moved back by then, and what is allocated on the host stays there. */
export interface Release extends Ask<void> {
  readonly kind: 'release';
  readonly block: Block;
}
/** Token ids, or the ids of the tokens that follow them. */
export interface Tokens {
  readonly kind: 'tokens';
  readonly what: 'ids' | 'labels';
  readonly split: 'train' | 'validation';
  /** The first of the sequences, of all in the order of the run; the others of `at` follow it. */
  readonly sequence: number;
  readonly at: Positions;
}
/** A flat tensor of what the rank holds of the model: initial values, or those of the checkpoint that the run goes on from. */
export interface States {
  readonly kind: 'states';
  readonly state: State;
  /** What stands in the tensor, in order: only a world that has values asks. */
  readonly runs: () => readonly ShareRun[];
}
/** Fills the tensor: a sample from storage, over the host's bus, or states before the first step. */
export interface Load extends Ask<void> {
  readonly kind: 'load';
  readonly into: Tensor;
  readonly source: Tokens | States;
}
/** Writes this rank's states to storage, over the host's bus; a checkpoint counts once the supervisor has committed it. */
export interface Store extends Ask<void> {
  readonly kind: 'store';
  readonly size: Bytes;
  readonly what:
    | { readonly kind: 'states'; readonly step: number; readonly states: readonly StoredStates[] }
    | { readonly kind: 'commit'; readonly step: number };
}
export interface StoredStates {
  readonly tensor: Tensor;
  readonly state: State;
  readonly runs: () => readonly ShareRun[];
}
/** Takes a block to the other tier over the host's bus: it is held there, and no longer where it was. */
export interface Move extends Ask<void> {
  readonly kind: 'move';
  readonly block: Block;
  readonly to: Tier;
}
/** Copies `size` bytes of this rank's state over the host's bus, into a buffer in that tier; they stay where they are too. */
export interface Copy extends Ask<void> {
  readonly kind: 'copy';
  readonly size: Bytes;
  readonly to: Tier;
}
/** A number from 0 (included) to 1 (excluded) from the stream of that name, seeded by the job. */
export interface Draw extends Ask<number> {
  readonly kind: 'draw';
  readonly stream: string;
}
export interface Sleep extends Ask<void> {
  readonly kind: 'sleep';
  readonly delay: Seconds;
}
export interface Now extends Ask<Instant> {
  readonly kind: 'now';
}
/** Shows the job's user what a small tensor holds; what it is of stands in `subject`. The answer: whether to go on. */
export interface Observe extends Ask<'go on' | 'stop'> {
  readonly kind: 'observe';
  readonly subject: 'step' | 'validation';
  readonly step: number;
  readonly tensor: Tensor;
}
/**
 * What a small int32 tensor holds: a choice by data, on which the program's messages depend. The answer is logged, and can
 * be replayed. Where nothing is computed it is `expected`.
 */
export interface Route extends Ask<readonly number[]> {
  readonly kind: 'route';
  readonly tensor: Tensor;
  readonly expected: readonly number[];
}
/** Tells the world that a lifecycle has moved on. The world drives the statechart of that subject with the event. */
export interface Mark extends Ask<void> {
  readonly kind: 'mark';
  readonly subject: 'device' | 'stage' | 'shard' | 'loader' | 'job';
  readonly event: string;
}

export const OPERATIONS = ['all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'shift'] as const;
export type Operation = (typeof OPERATIONS)[number];
/**
 * `hierarchical`: in the domain, then along each rail, `segments` pieces of the message one behind another.
 * `tree`: the ranks of each node in a ring, then a double binary tree along each rail (all-reduce), `domain` ranks a node.
 * `halving-doubling`: partners at distances that are powers of two.
 * `direct`: each rank sends to each other one in turn (all-to-all; a shift has no other).
 */
export type Algorithm =
  | { readonly kind: 'ring' }
  | { readonly kind: 'hierarchical'; readonly domain: number; readonly segments: number }
  | { readonly kind: 'tree'; readonly domain: number; readonly segments: number }
  | { readonly kind: 'halving-doubling' }
  | { readonly kind: 'direct' };
/** Elements that a rank has for each member of the group, and that each member has for it, one part behind another. */
export interface Parts {
  readonly sent: readonly number[];
  readonly received: readonly number[];
}
/**
 * The ranks of `group` combine their tensors. With n ranks and a whole of S elements:
 * all-reduce: `whole` is summed in place; all-gather: each rank's `shard` fills its segment of `whole`;
 * reduce-scatter: each rank's segment of the sum of `whole` lands in `shard`, and `whole` is used up as workspace;
 * all-to-all: segment j of rank i's `whole` becomes segment i of rank j's `shard`, which is as large;
 * shift: each rank's `whole` becomes the next rank's `shard`, which is as large, the last one's the first one's.
 */
export interface Combination {
  readonly operation: Operation;
  readonly group: Group;
  readonly whole: Tensor;
  /** For all-reduce the same tensor as `whole`. */
  readonly shard: Tensor;
  /** Of an all-to-all whose parts differ: then shard and whole may differ too. Absent: the segments are nearly equal. */
  readonly parts?: Parts;
}
/** A combination by one of the algorithms that every world knows. */
export interface Collective extends Combination, Ask<void> {
  readonly kind: 'collective';
  readonly algorithm: Algorithm;
}
/**
 * A piece of program that costs the same whenever its key is the same: a world may run it once, remember its profile
 * and replay that. The program must depend on nothing but its key, block identities apart.
 */
export interface Section extends Ask<unknown> {
  readonly kind: 'section';
  readonly key: string;
  /** The row of the time table that everything computed inside belongs to; null leaves it to each operation. */
  readonly term: 'recompute' | null;
  /** What the schedule is doing, for the moment of a memory peak; null within such a moment. */
  readonly moment: Moment | null;
  readonly program: () => Program<unknown>;
}

export type Effect =
  | Compute
  | Send
  | Receive
  | ReceiveAny
  | Allocate
  | Release
  | Load
  | Store
  | Move
  | Copy
  | Draw
  | Sleep
  | Now
  | Observe
  | Route
  | Mark
  | Collective
  | Section;
export type Kind = Effect['kind'];
export type EffectOf<K extends Kind> = Extract<Effect, { readonly kind: K }>;
export type AnswerTo<E extends Effect> = E extends Ask<infer Answer> ? Answer : never;

/** A computation that yields effects and finally returns a result. */
export type Program<Result> = Generator<Effect | Fork | Join, Result, unknown>;

/** A program started beside the one that started it, on the same rank. */
export interface Task<Result> {
  /** Null until the program has returned. */
  readonly outcome: { readonly result: Result } | null;
}
export interface Fork {
  readonly kind: 'fork';
  readonly program: Program<unknown>;
  /** What is started is joined in the order of its starts among all of that name; null: joined in the section it is started in. */
  readonly name: string | null;
}
export interface Join {
  readonly kind: 'join';
  readonly task: Task<unknown>;
}
