/** What a yielded effect costs, by how deep the generator sits that yields it, beside a hand-written loop of callbacks. */
import { now, section } from '../dist/effects/ask.js';
import { Descend, Strand } from '../dist/effects/program.js';
import { rank } from '../dist/units/identity.js';

const EFFECTS = 20_000;

/** A world without time. It keeps the last effect, or the compiler would see that the callbacks need to make none. */
const world = () => {
  const seen = { count: 0, effect: null };
  const answer = (_, effect) => {
    seen.effect = effect;
    return seen.count++;
  };
  return {
    handlers: { now: answer, section: (_, { program }) => new Descend(program()) },
    fork: () => null,
    join: () => {},
    end: () => {},
  };
};

const run = (program) => {
  new Strand(world(), rank(0), null, program).resume(undefined);
  return EFFECTS;
};

function* body() {
  for (let i = 0; i < EFFECTS; i++) yield* now();
}
/** Every effect passes through `depth` generators that delegate with `yield*`. */
function* delegated(depth) {
  yield* depth === 0 ? body() : delegated(depth - 1);
}
/** As deep, but each level is a section that the loop keeps on its own stack: an effect passes through none of them. */
function* descended(depth) {
  if (depth === 0) yield* body();
  else yield* section('level', () => descended(depth - 1));
}

/** The same effects and handlers, asked by an actor that keeps its place by hand and is called back with each answer. */
const callbacks = () => {
  const { handlers } = world();
  let step = 0;
  const actor = () => (step++ < EFFECTS ? { kind: 'now' } : null);
  for (let effect = actor(); effect !== null; effect = actor(handlers[effect.kind](null, effect)));
  return EFFECTS;
};

export const bench = {
  subject: 'effect loop',
  item: 'effect',
  figure: 'cost',
  cases: {
    callbacks,
    'a program': () => run(body()),
    '4 yield* deep': () => run(delegated(3)),
    '16 yield* deep': () => run(delegated(15)),
    '4 sections deep': () => run(descended(4)),
    '16 sections deep': () => run(descended(16)),
  },
};
