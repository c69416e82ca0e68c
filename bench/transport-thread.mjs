/** The ranks of the transport's benches: each does its job many times over and says how long that took. */
import { Workspace } from '../dist/exec/workspace.js';
import { playRank } from '../dist/exec/rank-thread.js';
import { collective, now, receive, send, tensor } from '../dist/effects/ask.js';
import { wasmBackend } from '../dist/kernels/wasm/backend.js';
import { loadKernels } from '../dist/kernels/wasm/module.js';

const AXIS = 'dp';
/** Rounds that nobody times come first: compilers warm up, and memory is touched. */
const WARM = 3;

/** Adds up as many elements on all ranks. */
function* allReduce({ elements, rankCount }) {
  const whole = yield* tensor([elements], 'fp32', 'gradients');
  const group = { axis: AXIS, first: 0, stride: 1, size: rankCount };
  return () => collective({ operation: 'all-reduce', algorithm: { kind: 'ring' }, group, whole, shard: whole });
}

/** Rank 0 sends to rank 1, which answers the last message of a round. */
function* stream({ elements, burst, self }) {
  const whole = yield* tensor([elements], 'fp32', 'activations');
  const answer = yield* tensor([1], 'fp32', 'communication');
  const sender = function* () {
    for (let index = 0; index < burst; index++) yield* send(1, { axis: AXIS, tag: 1, tensor: whole });
    yield* receive(1, { axis: AXIS, tag: 2, into: answer });
  };
  const receiver = function* () {
    for (let index = 0; index < burst; index++) yield* receive(0, { axis: AXIS, tag: 1, into: whole });
    yield* send(0, { axis: AXIS, tag: 2, tensor: answer });
  };
  return self === 0 ? sender : receiver;
}

/** Rank 0 gets back from rank 1 what it sends, so many times a round. */
function* pingPong({ self, times }) {
  const ball = yield* tensor([1], 'fp32', 'communication');
  const message = { axis: AXIS, tag: 1 };
  const first = function* () {
    yield* send(1, { ...message, tensor: ball });
    yield* receive(1, { ...message, into: ball });
  };
  const second = function* () {
    yield* receive(0, { ...message, into: ball });
    yield* send(0, { ...message, tensor: ball });
  };
  const once = self === 0 ? first : second;
  return function* () {
    for (let index = 0; index < times; index++) yield* once();
  };
}

const JOBS = { 'all-reduce': allReduce, stream, 'ping-pong': pingPong };

/** The answer: nanoseconds of each round. */
function* timed({ kind, rounds, ...job }) {
  const round = yield* JOBS[kind](job);
  for (let warm = 0; warm < WARM; warm++) yield* round();
  const times = [];
  let before = yield* now();
  for (let count = 0; count < rounds; count++) {
    yield* round();
    const after = yield* now();
    times.push(after - before);
    before = after;
  }
  return times;
}

const refuse = () => {
  throw new Error('a bench has nothing to load, to store or to show');
};

await playRank(({ rank: self, rankCount, job, arena, now }) => {
  const { memory } = arena;
  const kernels = loadKernels(memory);
  const services = { load: refuse, store: refuse, observe: refuse, mark: refuse, route: refuse, draw: refuse, now };
  return {
    program: timed({ ...job, self, rankCount }),
    backend: wasmBackend({ memory, kernels, workspace: new Workspace(arena) }),
    services,
  };
});
