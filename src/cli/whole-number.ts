/** A whole number on the command line. */
import { InvalidArgumentError } from 'commander';

/** For commander: reads a whole number from `smallest` to `largest`, or says what was wanted. */
export const wholeNumber =
  (smallest: number, largest: number = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/u.test(text) && value >= smallest && value <= largest) return value;
    const range = largest === Number.MAX_SAFE_INTEGER ? `${smallest} or more` : `${smallest} to ${largest}`;
    throw new InvalidArgumentError(`wanted a whole number, ${range}.`);
  };
