/** A law of what is said of a thread that failed: only devices are ranks to the user. */
import { expect, it } from 'vitest';
import { failureText } from '../../src/cli/failure-text.ts';
import { RankFailure } from '../../src/exec/launch.ts';
import { rank } from '../../src/units/identity.ts';

it('the thread behind the last device is the supervisor, every other one a rank', () => {
  const texts = [0, 1, 2].map((index) =>
    failureText(new RankFailure(rank(index), { message: 'no room', stack: '', name: 'Error' }, []), { devices: 2 }),
  );
  expect(texts).toEqual(['rank 0: no room', 'rank 1: no room', 'the supervisor: no room']);
});
