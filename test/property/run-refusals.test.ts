/** Laws of what `angel-sim run` refuses: all of it in words, with its exit code, before anything is trained or written. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointAt } from '../../src/cli/run-start.ts';
import { thisProcess } from '../../src/exec/claim/holder.ts';
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
    ['of other sequences', ['--seq', '8'], /workload\.sequence: the checkpoint has 16, the run 8/u],
    [
      'of other data',
      ['--set', 'data.text=run.yaml'],
      /data\.text or data\.tokenizer: the checkpoint has \d+ tokens of bytes, checksum .*, the run \d+/u,
    ],
    [
      'of another split',
      ['--set', 'data.validation=20%'],
      /data\.validation: the checkpoint keeps \d+ of \d+ tokens for it, the run \d+/u,
    ],
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
    const self = thisProcess();
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
    [
      'a layout that cannot be',
      ['--tp', '2', '--dp', '1'],
      3,
      [/^run\.yaml:\d+:\d+ layout\.zero: ZeRO 1 needs dp > 1 \(did you mean 0\?\)$/mu],
    ],
    [
      'a layout that breaks several rules',
      ['--tp', '2', '--dp', '1', '--schedule', 'gpipe'],
      3,
      [/layout\.zero: ZeRO 1/u, /layout\.schedule: .*did you mean 1f1b/u],
    ],
    [
      'more ranks than threads',
      ['--devices', '32', '--dp', '32', '--gbs', '128'],
      4,
      [/^run\.yaml:\d+:\d+ devices: 32 are too many.*up to 16/mu],
    ],
    [
      'several layouts, with the axes that are open and the best of their values',
      ['--zero', '0,1', '--set', 'recompute=[none, full]'],
      4,
      [
        /4 layouts are allowed; wanted one/u,
        /^run\.yaml:\d+:\d+ layout\.zero: is left open, 0, 1; wanted one value \(did you mean [01]\?\)$/mu,
        /recompute: is left open, none, full;.*did you mean none/u,
      ],
    ],
    [
      'what is not computed yet, with data that is not there',
      ['--offload', 'optimizer:dram', '--set', 'software.attention=unfused', '--set', 'data.text=nowhere.txt'],
      4,
      [
        /^run\.yaml:\d+:\d+ memory\.offload\.optimizer: dram is not done yet/mu,
        /^run\.yaml:\d+:\d+ software\.attention: unfused/mu,
        /nowhere\.txt: there is/u,
      ],
    ],
    ['more steps than the run has', ['--steps', '25'], 2, [/--steps 25: the run has 24; .*--set train\.steps=25/u]],
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
