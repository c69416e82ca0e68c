/** A whole number on the command line. */
import { InvalidArgumentError } from 'commander';

/** For commander: reads a whole number of at least `smallest`, or says what was wanted. */
export const wholeNumber =
  (smallest: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/u.test(text) && value >= smallest && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(`wanted a whole number, ${smallest} or more.`);
  };
