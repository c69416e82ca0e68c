/** Laws of what `run` sets up before a thread is started: the steps that are asked for bend nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { EXIT, Refusal } from '../../src/cli/exit.ts';
import { readPlaced } from '../../src/cli/question.ts';
import type { RunOptions } from '../../src/cli/run-options.ts';
import type { Setup } from '../../src/cli/run-setup.ts';
import { setUp } from '../../src/cli/run-setup.ts';
import { learningRateAt } from '../../src/scenario/training.ts';
import { place, STEPS } from '../worlds/small-run.ts';

const here = place();
afterAll(() => here.remove());

const setting = async (
  more: Partial<RunOptions> = {},
  file = 'run.yaml',
): Promise<{ readonly setup: Setup; readonly err: string }> => {
  const err: string[] = [];
  const io: Io = {
    stdout: { write: () => undefined, isTerminal: false, columns: 80 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 80 },
    environment: {},
    folder: here.folder,
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  };
  const options: RunOptions = { kernels: 'wasm', ...more };
  const placed = readPlaced(file, { options, verb: 'run', io });
  return { setup: await setUp(placed, { file, options, io }), err: err.join('') };
};

describe('a run that is to end early', () => {
  it.each([1, 3, 12, STEPS])('after %i steps learns at the rates of the whole run', async (steps) => {
    const { training } = (await setting()).setup.job;
    const { setup } = await setting({ steps });
    expect(setup.last).toBe(steps);
    for (let step = 1; step <= STEPS; step++)
      expect(learningRateAt(setup.job.training, step)).toBe(learningRateAt(training, step));
  });
  it('ends with the run when nobody asks for less, and cannot be longer', async () => {
    expect((await setting()).setup.last).toBe(STEPS);
    const refusal: unknown = await setting({ steps: STEPS + 1 }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: EXIT.usage });
  });
});

it('validates on no more than the split, and says so', async () => {
  const asked = await setting({ set: ['train.validation.batches=1000'] });
  const { splits } = asked.setup.corpus;
  const whole = Math.floor(splits.validation.sequences / asked.setup.job.workload.globalBatch);
  expect(asked.setup.job.training.validation).toEqual({ every: 12, batches: whole });
  expect(asked.err).toBe(
    `train.validation.batches: 1000 are more than the ${whole} whole batches of the validation split; ${whole} will do\n`,
  );
  const enough = await setting({ set: [`train.validation.batches=${whole}`] });
  expect(enough.setup.job.training.validation?.batches).toBe(whole);
  expect(enough.err).toBe('');
});

it('never claims to run on a cluster that is not this machine', async () => {
  expect((await setting()).setup.title).toBe('A run of seconds.');
  const untitled = readFileSync(join(here.folder, 'run.yaml'), 'utf8').replace(/^#.*\n/u, '');
  writeFileSync(join(here.folder, 'bare.yaml'), untitled.replace('local-cpu', 'dgx-a100-80g'));
  expect((await setting({}, 'bare.yaml')).setup.title).toBe('small on this machine');
});
