/** Laws of runs that are interrupted: whatever ends them, they go on as if nothing had, or say why they cannot. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ended } from '../worlds/small-run.ts';
import { curve, into, losses, place, run, start, STEPS, untilStep } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
const ended: { whole: Ended | null } = { whole: null };
beforeAll(async () => {
  ended.whole = await run(folder, ...into('whole'));
});
afterAll(() => here.remove());

const begin = (name: string) => start(folder, ['run', 'run.yaml', ...into(name)]);
const same = (name: string): void => expect(curve(folder, name)).toEqual(curve(folder, 'whole'));

describe('a run that is interrupted goes on exactly', () => {
  it('is compared with one that learns and ends by itself', () => {
    expect(ended.whole).toMatchObject({ code: 0, err: '' });
    const all = losses(folder, 'whole');
    expect(all).toHaveLength(STEPS);
    expect(all.at(-1)).toBeLessThan(all[0]! - 0.5);
    expect(readdirSync(folder).toSorted()).not.toContain('.in-use');
  });

  it('when the thread of a rank is ended', async () => {
    const { code, err } = await run(folder, ...into('drill'), '--drill', '1@9');
    expect({ code, err }).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^rank 1: .* behind step 6\n$/u) as string,
    });
    same('drill');
  });

  it('when the thread of a rank is ended before the first checkpoint, whatever an earlier run has left', async () => {
    expect((await run(folder, ...into('early'))).code).toBe(0);
    const { code, err } = await run(folder, ...into('early'), '--fresh', '--drill', '0@3');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('goes on from its start') as string });
    same('early');
  });

  it('when the whole process is killed, and it is started again', async () => {
    const first = begin('killed');
    await untilStep(folder, 'killed', 13);
    first.child.kill('SIGKILL');
    expect((await first.ended).code).toBeNull();
    expect(curve(folder, 'killed').length).toBeLessThan(STEPS);
    const again = await begin('killed').ended;
    expect(again).toMatchObject({ code: 0, err: expect.stringMatching(/^going on behind step (?:12|18)/u) as string });
    same('killed');
  });

  it('when it is asked to end: it does so with a checkpoint', async () => {
    const first = begin('asked');
    await untilStep(folder, 'asked', 8);
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    const done = curve(folder, 'asked').length;
    expect(done).toBeLessThan(STEPS);
    expect(existsSync(join(folder, 'asked-saved', `step-${String(done).padStart(6, '0')}`, 'manifest.json'))).toBe(
      true,
    );
    const again = await begin('asked').ended;
    expect(again).toMatchObject({ code: 0, err: expect.stringContaining(`behind step ${done},`) as string });
    // The step behind which it was asked to end is validated, and so is that with which it would have ended.
    same('asked');
  });

  it('and ends at once when it is asked twice', async () => {
    const first = begin('twice');
    await untilStep(folder, 'twice', 1);
    first.child.kill('SIGINT');
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
  });

  it.each([
    ['tensor parallel', ['--tp', '2', '--dp', '1', '--zero', '0']],
    ['as a pipeline, on more ranks', ['--pp', '2', '--devices', '4', '--microbatch', '2']],
    ['sharded by ZeRO 3', ['--zero', '3', '--microbatch', '2']],
  ])('under another layout, %s, with the same curve', async (layout, flags) => {
    const name = layout.replaceAll(/\W+/gu, '-');
    const from = join('whole-saved', 'step-000012');
    expect(await run(folder, ...into(name), ...flags, '--resume', from)).toMatchObject({ code: 0 });
    const [found, wanted] = [losses(folder, name), losses(folder, 'whole').slice(12)];
    expect(found).toHaveLength(STEPS - 12);
    for (const [index, loss] of found.entries()) expect(Math.abs(loss / wanted[index]! - 1)).toBeLessThan(1e-5);
  });
});

describe('a run in half precision', () => {
  it.each([
    ['bf16', 0.02],
    ['fp16', 0.02],
  ])('in %s learns as one in fp32 does, and goes on bit by bit', async (precision, tolerance) => {
    const flags = ['--precision', precision];
    expect((await run(folder, ...into(precision), ...flags)).code).toBe(0);
    for (const [index, loss] of losses(folder, precision).entries())
      expect(Math.abs(loss / losses(folder, 'whole')[index]! - 1)).toBeLessThan(tolerance);
    const again = `${precision}-again`;
    const from = join(`${precision}-saved`, 'step-000012');
    expect((await run(folder, ...into(again), ...flags, '--resume', from)).code).toBe(0);
    expect(curve(folder, again)).toEqual(curve(folder, precision).slice(12));
  });
});

it('many small microbatches teach what one large one does', async () => {
  expect((await run(folder, ...into('pieces'), '--microbatch', '1')).code).toBe(0);
  const wanted = losses(folder, 'whole');
  for (const [index, loss] of losses(folder, 'pieces').entries())
    expect(Math.abs(loss / wanted[index]! - 1)).toBeLessThan(1e-5);
});

it('what was exported is what another run begins with', async () => {
  const exported = await start(folder, ['export', 'whole-saved', '-o', 'published']).ended;
  expect(exported).toEqual({ code: 0, out: expect.stringContaining('gpt2 behind step 24') as string, err: '' });
  const anew = [
    '--steps',
    '1',
    '--set',
    'train.validation={every: 1, batches: 2}',
    '--set',
    'train.learningRate=1e-30',
  ];
  expect((await run(folder, ...into('anew'), ...anew, '--from', 'published')).code).toBe(0);
  // Other samples, so that only what both are validated on can be compared: weights that a step of nothing left as they are.
  const validated = (name: string): string => curve(folder, name).at(-1)!.split(',').at(-1)!;
  expect(validated('anew')).toBe(validated('whole'));
});
