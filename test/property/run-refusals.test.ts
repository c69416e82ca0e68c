/** Laws of what `angel-sim run` refuses: all of it in words, with its exit code, before anything is trained or written. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointAt } from '../../src/cli/run-start.ts';
import { into, place, refused, run, start } from '../worlds/small-run.ts';

const here = place();
const { folder } = here;
beforeAll(async () => {
  writeFileSync(join(folder, 'short.txt'), 'Hi');
  const { err } = await run(folder, ...into('whole'), '--steps', '6');
  if (err !== '') throw new Error(err);
});
afterAll(() => here.remove());

/** Refused, and the folder is as it was. */
const expectRefusal = async (
  argv: readonly string[],
  code: number,
  ...complaints: readonly RegExp[]
): Promise<void> => {
  const before = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
  const found = await refused(folder, 'run', 'run.yaml', ...argv);
  expect(found).toMatchObject({ code, out: '' });
  for (const complaint of complaints) expect(found.err).toMatch(complaint);
  expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(before);
};
const file = (name: string, content: string): void => writeFileSync(join(folder, name), content);

describe('a checkpoint is refused', () => {
  const resume = ['--resume', 'whole-saved', ...into('other')];
  it.each([
    ['of another model', ['--set', 'model.layers=3'], /model\.layers: the checkpoint has 2, the run 3/u],
    ['of other sequences', ['--seq', '8'], /tokenizer: the checkpoint has "bytes, 16 a sequence.*the run "bytes, 8 a/u],
    ['of other data', ['--set', 'data.text=run.yaml'], /tokenizer: the checkpoint has "bytes.*text/u],
    ['of another batch', ['--gbs', '16'], /workload\.globalBatch: the checkpoint has 8, the run 16/u],
    ['of another order of samples', ['--set', 'train.seed=2'], /train\.seed: the checkpoint has 1, the run 2/u],
  ])('%s', async (_, flags, complaint) => {
    if (flags.includes('model.layers=3'))
      file('deep.yaml', readFileSync(join(folder, 'model.yaml'), 'utf8').replace('layers: 2', 'layers: 3'));
    const asked = flags.includes('model.layers=3') ? ['--model', 'deep.yaml'] : flags;
    await expectRefusal([...resume, ...asked], 4, /whole-saved\/step-000006 is of another run:/u, complaint);
  });

  it('of which a byte has changed, or the end is missing, also where a run would go on by itself', async () => {
    for (const damage of ['flip', 'cut'] as const) {
      const name = `${damage}-saved`;
      cpSync(join(folder, 'whole-saved'), join(folder, name), { recursive: true });
      const path = join(checkpointAt(join(folder, name)), 'rank-0001.safetensors');
      const stored = readFileSync(path);
      if (damage === 'cut') truncateSync(path, stored.length - 1);
      else {
        stored[stored.length - 9]! ^= 1;
        writeFileSync(path, stored);
      }
      const complaint =
        damage === 'cut' ? /rank-0001\.safetensors has \d+ bytes, \d+ were stored/u : /is not as it was stored/u;
      await expectRefusal(['--steps', '12', ...into(damage)], 4, complaint, /there is no earlier checkpoint/u);
    }
  });

  it('that is none', async () => {
    mkdirSync(join(folder, 'nothing'), { recursive: true });
    await expectRefusal(['--resume', 'nothing', ...into('other')], 4, /nothing is no checkpoint: it has no manifest/u);
    await expectRefusal(['--resume', 'run.yaml', ...into('other')], 4, /run\.yaml is no checkpoint/u);
  });
});

describe('weights of another model are refused', () => {
  it('by their config, by their shapes, and where there are none', async () => {
    expect((await start(folder, ['export', 'whole-saved', '-o', 'published']).ended).code).toBe(0);
    expect(await refused(folder, 'export', 'whole-saved', '-o', 'published')).toMatchObject({ code: 4, out: '' });
    file('wide.yaml', readFileSync(join(folder, 'model.yaml'), 'utf8').replace('heads: 2', 'heads: 4'));
    await expectRefusal(
      ['--model', 'wide.yaml', '--from', 'published', ...into('other')],
      4,
      /heads: it has 2, the run 4/u,
    );
    await expectRefusal(['--from', 'nowhere', ...into('other')], 4, /nowhere.*no such file/u);
    rmSync(join(folder, 'published', 'model.safetensors'));
    await expectRefusal(['--from', 'published', ...into('other')], 4, /there is neither model\.safetensors nor/u);
  });
});

describe('a place that cannot be written to is refused', () => {
  it.each([
    ['a file', 'run.yaml'],
    ['below a file', 'run.yaml/deep/er'],
    ['where the system makes no folders', '/proc/nowhere/at/all'],
  ])('%s, for the curve and for checkpoints', async (_, path) => {
    await expectRefusal(['--fresh', '-o', path], 4, /^error: .*(folder|refused|permission|nothing may).*\n$/u);
    await expectRefusal(['--fresh', '--set', `checkpoint.folder=${path}`, '-o', 'new'], 4, /^error: .*\n$/u);
  });

  it('while another run has it, and no longer once that one is gone', async () => {
    const claim = (holder: object): void => file('whole/.in-use', JSON.stringify(holder));
    const alive = readFileSync(`/proc/${process.pid}/stat`, 'utf8').split(' ')[21];
    const self = { host: hostname(), process: process.pid, since: alive };
    for (const holder of [self, { ...self, host: 'elsewhere' }]) {
      claim(holder);
      await expectRefusal(into('whole'), 4, /whole is in use by another run, process \d+ on/u);
    }
    for (const holder of [{ ...self, since: '1' }, { ...self, process: 2 ** 22 + 1 }, {}]) {
      claim(holder);
      expect(await refused(folder, 'run', 'run.yaml', '--steps', '6', ...into('whole'))).toMatchObject({ code: 0 });
      expect(existsSync(join(folder, 'whole/.in-use'))).toBe(false);
    }
  });
});

describe('nonsense is refused, all of it at once', () => {
  it.each<readonly [string, readonly string[], number, readonly RegExp[]]>([
    [
      'a file that is not there',
      ['--set', 'data.text=[a.txt, "C:\\\\b.txt"]'],
      4,
      [/a\.txt: there is no such/u, /C:.*b\.txt: there is/u],
    ],
    [
      'a tokenizer that the model has no room for',
      ['--set', 'data.tokenizer=gpt2'],
      4,
      [/50257 tokens, more than the 256/u],
    ],
    ['too little text', ['--set', 'data.text=short.txt'], 4, [/train split are too few/u, /validation split/u]],
    ['a layout that cannot be', ['--tp', '2', '--dp', '1'], 3, [/ZeRO 1 needs dp > 1/u]],
    ['more ranks than threads', ['--devices', '32', '--dp', '32', '--gbs', '128'], 2, [/32 are too many.*up to 16/u]],
    ['several layouts', ['--zero', '0,1'], 2, [/allows 2 layouts; wanted one/u]],
    ['two places to begin', ['--fresh', '--resume', 'whole-saved'], 2, [/--fresh and --resume exclude each other/u]],
    ['a rank that is not there', ['--drill', '2@1'], 2, [/there is no rank 2; wanted 0 to 1/u]],
    [
      'a model that fits no thread',
      ['--model', 'llama-3-8b'],
      3,
      [/GiB more than the .* thread can have/u, /of this machine/u],
    ],
  ])('%s', async (_, flags, code, complaints) => {
    await expectRefusal([...flags, ...into('other')], code, ...complaints);
  });
});
