/** How the emphasis of a report looks on a terminal. */
import picocolors from 'picocolors';
import type { Emphasis, Paint } from '../report/paint.ts';
import type { Io } from './io.ts';
import { hasColours } from './io.ts';

export const paintFor = (io: Io): Paint => {
  const colours = picocolors.createColors(hasColours(io));
  const looks: Readonly<Record<Emphasis, (text: string) => string>> = {
    title: colours.bold,
    faint: colours.dim,
    good: colours.green,
    bad: colours.red,
  };
  return (emphasis, text) => looks[emphasis](text);
};
