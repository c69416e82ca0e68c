/**
 * One slot of a pair of ranks, from either side. Whoever finds it in the other one's hands waits, which is short: the
 * other one copies bytes and does nothing else meanwhile.
 */
import type { ControlBlock } from './control-block.ts';
import { FREE, MOVING, MOVING_AWAITED, POSTED, READING, READING_AWAITED, STATE, AT } from './control-block.ts';
import { Stopped } from './transport.ts';

/** How often one looks whether the other side has died with the slot in its hands. */
const LOOK_MS = 100;

export const isFree = ({ words }: ControlBlock, slot: number): boolean => Atomics.load(words, slot + STATE) === FREE;

/** The receiver's side: `read` copies the letter from the address it is given; then the slot is free. */
export const readSlot = (control: ControlBlock, slot: number, read: (at: number) => void): void => {
  const { words } = control;
  const state = slot + STATE;
  while (Atomics.compareExchange(words, state, POSTED, READING) !== POSTED) {
    Atomics.compareExchange(words, state, MOVING, MOVING_AWAITED);
    waitWhile(control, state, MOVING_AWAITED);
  }
  read(words[slot + AT]! >>> 0);
  if (Atomics.exchange(words, state, FREE) === READING_AWAITED) Atomics.notify(words, state);
};

/** The sender's side: unless the letter has been read, or is being read, `move` copies it elsewhere and says where. */
export const moveSlot = (control: ControlBlock, slot: number, move: () => number): void => {
  const { words } = control;
  const state = slot + STATE;
  if (Atomics.compareExchange(words, state, POSTED, MOVING) === POSTED) {
    words[slot + AT] = move();
    if (Atomics.exchange(words, state, POSTED) === MOVING_AWAITED) Atomics.notify(words, state);
    return;
  }
  Atomics.compareExchange(words, state, READING, READING_AWAITED);
  waitWhile(control, state, READING_AWAITED);
};

const waitWhile = (control: ControlBlock, state: number, awaited: number): void => {
  while (Atomics.load(control.words, state) === awaited) {
    if (control.isStopped) throw new Stopped('another rank failed while it held a letter');
    Atomics.wait(control.words, state, awaited, LOOK_MS);
  }
};
