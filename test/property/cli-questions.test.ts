/** Laws of the questions beyond one plan, through the real main function: exit codes, streams, schemas, interrupts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { differenceSchema } from '../../src/report/difference.ts';
import { fewestSchema } from '../../src/report/fewest-devices.ts';
import { largestSchema } from '../../src/report/largest-model.ts';
import { sweepSchema } from '../../src/report/sweep.ts';
import { targetedSchema } from '../../src/report/target.ts';
import { whyNotSchema } from '../../src/report/why-not.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = async (argv: readonly string[], interrupts = 0): Promise<Ended> => {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(argv, {
    stdout: { write: (text) => void out.push(text), isTerminal: false, columns: 100 },
    stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 100 },
    environment: {},
    folder,
    onInterrupt: (listener) => {
      for (let count = 0; count < interrupts; count++) listener();
      return () => undefined;
    },
    halt: () => undefined,
  });
  return { code, out: out.join(''), err: err.join('') };
};

const QUESTION = `# How fast is a small model?
model: gpt3-350m
cluster: dgx-a100-80g
devices: [4, 8]
workload: {sequence: 1024, globalBatch: 64, tokens: 10B}
layout: {tp: [1, 2], pp: [1, 2], cp: 1, vp: 1, microbatch: [1, 2], zero: 1, schedule: 1f1b}
recompute: none
`;
writeFileSync(join(folder, 'run.yaml'), QUESTION);
writeFileSync(join(folder, 'free.yaml'), QUESTION.replace(', tokens: 10B', ''));
const alone = ['--workers', '1'];
const small = ['--tp', '1', '--cp', '1', '--pp', '1', '--microbatch', '1', '--recompute', 'full'];
const plan = (...words: readonly string[]): readonly string[] => ['plan', 'run.yaml', ...words, ...alone];
const tiny = [
  'plan',
  'max-model',
  '--like',
  'gpt3-125m',
  '--cluster',
  'a100-pcie',
  '--devices',
  '1',
  '--seq',
  '1024',
  ...small,
  ...alone,
];

interface Question {
  readonly argv: readonly string[];
  readonly schema: z.ZodType;
  readonly says: string;
}
const questions: readonly (readonly [name: string, question: Question])[] = [
  ['--target', { argv: plan('--target', 'days=365'), schema: targetedSchema, says: 'Target met:' }],
  ['--sweep', { argv: plan('--sweep', 'devices=2..8:x2'), schema: sweepSchema, says: 'per device' }],
  ['--why-not', { argv: plan('--why-not', 'tp=2,pp=2'), schema: whyNotSchema, says: 'layouts match' }],
  ['min-gpus', { argv: ['plan', 'min-gpus', 'run.yaml', ...alone], schema: fewestSchema, says: 'the fewest' }],
  ['max-model', { argv: [...tiny, '--margin', '90%'], schema: largestSchema, says: 'The largest model' }],
];

describe('plan', () => {
  it.each(questions)('%s answers in words and in JSON that obeys its schema', async (_name, { argv, schema, says }) => {
    const words = await run(argv);
    expect({ code: words.code, err: words.err }).toEqual({ code: 0, err: '' });
    expect(words.out).toContain(says);
    const json = await run([...argv, '--json']);
    expect(json.code).toBe(0);
    schema.parse(JSON.parse(json.out));
  });
  it.each(questions)('%s keeps what it found when interrupted, and ends with 130', async (_name, { argv, schema }) => {
    const { code, out, err } = await run([...argv, '--json'], 1);
    expect({ code, err }).toEqual({ code: 130, err: '' });
    const answer: unknown = JSON.parse(out);
    schema.parse(answer);
    expect(answer).toMatchObject({ complete: false });
    expect((await run(argv, 1)).out).toContain('interrupted');
  });
  it('diff compares two saved answers, of plan and of simulate', async () => {
    const before = await run(plan('--json'));
    const after = await run(['simulate', 'run.yaml', '--devices', '4', '--json']);
    writeFileSync(join(folder, 'a.json'), before.out);
    writeFileSync(join(folder, 'b.json'), after.out);
    const { code, out } = await run(['plan', 'diff', 'a.json', 'b.json']);
    expect(code).toBe(0);
    expect(out).toContain('what differs');
    differenceSchema.parse(JSON.parse((await run(['plan', 'diff', 'a.json', 'b.json', '--json'])).out));
  });
});

describe('a question beyond one plan', () => {
  it('ends with 3 when nothing meets the target, and says what comes nearest', async () => {
    const { code, out } = await run(plan('--target', 'days=0.0001'));
    expect(code).toBe(3);
    expect(out).toContain('Target missed:');
    expect((await run(['plan', 'min-gpus', 'run.yaml', '--most', '8', '--target', 'days=0.0001', ...alone])).code).toBe(
      3,
    );
  });
  it.each([
    [['plan', 'free.yaml', '--target', 'days=3'], 'workload.tokens'],
    [['plan', 'min-gpus', 'free.yaml', '--target', 'days=3'], 'workload.tokens'],
    [['plan', 'run.yaml', '--sweep', 'layout.tp=3,5'], 'layout.tp'],
    [['plan', 'diff', 'run.yaml', 'run.yaml'], 'run.yaml: this is not JSON'],
    [['plan', 'diff', 'none.json', 'run.yaml'], 'none.json: there is no such file'],
  ])('%j ends with 4 and the reason', async (argv, reason) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain(reason);
  });
  it.each([
    [plan('--target', 'weeks=3')],
    [plan('--sweep', 'devices')],
    [plan('--why-not', 'tq=4')],
    [plan('--target', 'days=3', '--sweep', 'devices=4,8')],
    [['plan', 'min-gpus', 'run.yaml', '--devices', '8']],
    [['plan', 'max-model', '--like', 'gpt3-125m', '--model', 'gpt3-350m']],
    [['plan', 'diff', 'a.json']],
  ])('%j ends with 2', async (argv) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
  });
  it.each([['plan'], ['plan', 'min-gpus'], ['plan', 'max-model'], ['plan', 'diff']])(
    'is explained by %s %s --help with an example',
    async (...words) => {
      const { code, out } = await run([...words, '--help']);
      expect(code).toBe(0);
      expect(out).toContain('Example');
    },
  );
});
