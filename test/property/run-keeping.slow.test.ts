/** Laws of what a run keeps: nothing of an earlier training is written over, and whoever asks it to end gets a checkpoint. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curve, into, place, run, start, untilStep } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
afterAll(() => here.remove());
const SHORT = ['--set', 'train.validation=none', '--set', 'train.steps=12', '--set', 'train.warmup=2'];
const at = (...names: readonly string[]): string => join(folder, ...names);
const checkpoints = (...names: readonly string[]): readonly string[] =>
  readdirSync(at(...names)).filter((name) => name.startsWith('step-'));
const train = async (name: string, ...more: readonly string[]): Promise<string> => {
  const { code, err } = await run(folder, ...into(name), ...SHORT, ...more);
  expect({ code, err }).toMatchObject({ code: 0 });
  return err;
};

describe('a run that begins before the end of an earlier one in its folders', () => {
  beforeAll(async () => {
    await train('kept');
  });

  it.each<readonly [string, readonly string[], readonly string[], readonly string[]]>([
    ['anew', ['--fresh'], ['step-000006', 'step-000012'], ['step-000006', 'step-000012']],
    ['behind an older step', ['--resume', 'kept-saved/step-000006'], ['step-000012'], ['step-000006', 'step-000012']],
  ])('%s moves what comes later aside, and says where to', async (_, flags, moved, there) => {
    const before = readFileSync(at('kept', 'loss.csv'), 'utf8');
    const names = (readdirSync(at('kept-saved')).filter((name) => name.startsWith('earlier-')).length + 1).toString();
    const err = await train('kept', ...flags);
    const [saved, losses] = [`kept-saved/earlier-${names}`, `kept/earlier-${names}`];
    expect(err).toMatch(new RegExp(`the earlier training is kept: .*${saved}, its losses in .*${losses}\n`, 'u'));
    expect(checkpoints(saved)).toEqual(moved);
    expect(checkpoints('kept-saved')).toEqual(there);
    expect(readFileSync(at(losses, 'loss.csv'), 'utf8')).toBe(before);
    expect(curve(folder, 'kept')).toHaveLength(12);
  });

  it('leaves no events of another training among its own', () => {
    expect(readdirSync(at('kept', 'earlier-1', 'tensorboard'))).toHaveLength(1);
    expect(existsSync(at('kept', 'earlier-1', 'loss.svg'))).toBe(true);
  });
});

describe('a run whose scenario has no checkpoint', () => {
  it('says so, and keeps the losses of the one before', async () => {
    const text = readFileSync(at('run.yaml'), 'utf8').replace(/^checkpoint:.*\n/mu, '');
    writeFileSync(at('unsaved.yaml'), text);
    const unsaved = async (): Promise<string> => {
      const { code, err } = await start(folder, ['run', 'unsaved.yaml', ...SHORT, '-o', 'unsaved']).ended;
      expect(code).toBe(0);
      return err;
    };
    expect(await unsaved()).toMatch(/^nothing is saved: the scenario has no checkpoint; .*\n$/u);
    const before = readFileSync(at('unsaved', 'loss.csv'), 'utf8');
    expect(await unsaved()).toMatch(/its losses in .*unsaved\/earlier-1\n/u);
    expect(readFileSync(at('unsaved', 'earlier-1', 'loss.csv'), 'utf8')).toBe(before);
  });
});

describe('a run that is asked to end', () => {
  it.each<readonly [NodeJS.Signals, number]>([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('by %s does so with a checkpoint, however often it is asked', async (signal, code) => {
    const first = start(folder, ['run', 'run.yaml', ...into(signal)]);
    await untilStep(folder, signal, 2);
    first.child.kill(signal);
    first.child.kill(signal);
    const ended = await first.ended;
    expect(ended).toMatchObject({ code, err: expect.stringContaining('with a checkpoint') as string });
    const done = curve(folder, signal).length;
    expect(checkpoints(`${signal}-saved`)).toContain(`step-${String(done).padStart(6, '0')}`);
    expect(readdirSync(at(signal))).not.toContain('.in-use');
  });
});
