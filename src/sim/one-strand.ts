/** What a program of one strand may ask where its messages alone are of interest; what else there is needs the message rung. */
import { messageProgram } from '../collectives/collective.ts';
import type { Handlers } from '../effects/program.ts';
import { Descend } from '../effects/program.ts';
import { blockId } from '../units/identity.ts';

export const refuse = (): never => {
  throw new TypeError('what depends on time, arrival, data or other strands needs the message rung');
};

/** The four that take time are for whoever writes them down. */
export const oneStrand = (own: Pick<Handlers<null>, 'compute' | 'send' | 'receive' | 'sleep'>): Handlers<null> => ({
  ...own,
  receiveAny: refuse,
  allocate: (_, { size, purpose }) => ({ id: blockId(0), size, purpose, at: null }),
  release: () => undefined,
  load: refuse,
  store: refuse,
  move: refuse,
  copy: refuse,
  draw: refuse,
  now: refuse,
  observe: () => 'go on',
  route: (_, { expected }) => expected,
  mark: () => undefined,
  collective: (strand, effect) => new Descend(messageProgram(effect, strand.rank)),
  section: (_, { program }) => new Descend(program()),
});
