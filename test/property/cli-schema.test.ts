/** Laws of `angel-sim schema`, and of the band that reaches the user of the command line. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { jsonText } from '../../src/report/json.ts';
import { reportSchemas } from '../../src/report/schemas.ts';
import { simulateSchema } from '../../src/report/simulate-json.ts';
import { scenarioSchemas } from '../../src/scenario/schemas.ts';
import { bandsFileSchema } from '../../src/validate/bands.ts';

const run = async (...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    stdout: { write: (text) => void out.push(text), isTerminal: false, columns: 100 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 100 },
    environment: {},
    folder: packageFile(''),
    onInterrupt: () => () => undefined,
    halt: () => undefined,
  });
  return { code, out: out.join(''), err: err.join('') };
};

const files = readdirSync(packageFile('schemas'));

describe('angel-sim schema', () => {
  it.each(files)('prints what schemas/%s is made of, and nothing else', async (file) => {
    const { code, out, err } = await run('schema', file.replace('.schema.json', ''));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(jsonText({ ...scenarioSchemas(), ...reportSchemas() }[file] ?? {}));
  });
  it('lists all of them without a name', async () => {
    const { code, out } = await run('schema');
    expect(code).toBe(0);
    const [, ...names] = out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toHaveLength(files.length);
    expect(new Set(names)).toEqual(new Set(files.map((file) => file.replace('.schema.json', ''))));
  });
  it('refuses a name that it does not have, with the nearest', async () => {
    const { code, out, err } = await run('schema', 'modle');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('did you mean model?');
  });
});

describe('the band of a simulation', () => {
  const flags = '--model gpt3-350m --devices 8 --seq 1024 --gbs 64 --tp 1 --pp 1 --microbatch 1 --recompute none';
  const bandOn = async (cluster: string): Promise<object | null> =>
    simulateSchema.parse(JSON.parse((await run('simulate', ...flags.split(' '), '--cluster', cluster, '--json')).out))
      .band;
  it('is that of the shipped file', async () => {
    const shipped = bandsFileSchema.parse(
      JSON.parse(readFileSync(packageFile('scenarios/validation/bands.json'), 'utf8')),
    );
    expect(await bandOn('dgx-h100')).toMatchObject({ class: 'Hopper in 16 bits' });
    expect(shipped.classes).toContainEqual(expect.objectContaining({ ...(await bandOn('dgx-h100')) }));
  });
  it('is null on a card that nobody has published a run of', async () => {
    expect(await bandOn('mi300x')).toBeNull();
  });
});
