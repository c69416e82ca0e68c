/** Laws of the command line, through its real main function: every exit code, what goes to which stream, and sameness. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import type { Io } from '../../src/cli/io.ts';
import { packageFile } from '../../src/cli/package-folder.ts';
import { doctorSchema } from '../../src/report/doctor.ts';
import { planSchema } from '../../src/report/plan-json.ts';
import { simulateSchema } from '../../src/report/simulate-json.ts';
import { validationSchema } from '../../src/report/validation-json.ts';

const folder = mkdtempSync(join(tmpdir(), 'angel-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));
const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly halted: readonly number[];
}
interface Circumstances {
  readonly isTerminal?: boolean;
  readonly environment?: Io['environment'];
  readonly interrupts?: number;
}

const run = async (argv: readonly string[], circumstances: Circumstances = {}): Promise<Ended> => {
  const { isTerminal = false, environment = {}, interrupts = 0 } = circumstances;
  const out: string[] = [];
  const err: string[] = [];
  const halted: number[] = [];
  const code = await main(argv, {
    stdout: { write: (text) => void out.push(text), isTerminal, columns: 100 },
    stderr: { write: (text) => void err.push(text), isTerminal, columns: 100 },
    environment,
    folder,
    onInterrupt: (listener) => {
      for (let count = 0; count < interrupts; count++) listener();
      return () => undefined;
    },
    halt: (status) => void halted.push(status),
  });
  return { code, out: out.join(''), err: err.join(''), halted };
};

const QUESTION = `# How fast is a small model on one node?
model: gpt3-350m
cluster: dgx-a100-80g
devices: 8
workload: {sequence: 1024, globalBatch: 64, tokens: 10B}
layout: {tp: [1, 2], pp: [1, 2], microbatch: [1, 2], zero: 1}
recompute: none
`;
const question = written('run.yaml', QUESTION);
const alone = ['--workers', '1'];

describe('exit code 0', () => {
  it.each([[['--help']], [['--version']], [['help', 'plan']], [['plan', '--help']], [['doctor']]])(
    'is the end of %j, which says something on stdout and nothing on stderr',
    async (argv) => {
      const { code, out, err } = await run(argv);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).not.toBe('');
    },
  );
  it('is the end of a plan, and stdout holds the plan alone', async () => {
    const { code, out, err } = await run(['plan', question, ...alone]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('How fast is a small model on one node?');
  });
});

describe('exit code 1', () => {
  it('is a failure of ours, which says how to report it, with the stack only for DEBUG', async () => {
    const failing = (environment: Io['environment'], err: string[]): Promise<number> =>
      main(['doctor'], {
        stdout: {
          write: () => {
            throw new Error('the disk is full');
          },
          isTerminal: false,
          columns: 80,
        },
        stderr: { write: (text) => void err.push(text), isTerminal: false, columns: 80 },
        environment,
        folder,
        onInterrupt: () => () => undefined,
        halt: () => undefined,
      });
    const [short, long]: [string[], string[]] = [[], []];
    expect(await failing({}, short)).toBe(1);
    expect(await failing({ DEBUG: '1' }, long)).toBe(1);
    expect(short.join('')).toContain('the disk is full');
    expect(short.join('')).not.toContain('    at ');
    expect(long.join('')).toContain('    at ');
  });
});

describe('exit code 2', () => {
  it.each([
    [['plna'], 'plan'],
    [['plan', '--modle', 'x'], '--model'],
    [['simulate', '--fidelty', 'bound'], '--fidelity'],
    [['plan', question, '--explain', 'tq=8'], 'tp'],
  ])('is the end of %j, with the nearest right word', async (argv, nearest) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(new RegExp(`did you mean ${nearest}\\?`, 'iu'));
  });
  it.each([
    [['plan']],
    [['plan', question, '--workers', '0']],
    [['plan', question, '--top', '-1']],
    [['plan', question, '--set', 'devices']],
    [['simulate', question, '--fidelity', 'exact']],
    [['simulate', question, '--gpus', '32', '--fidelity', 'message']],
    [['plan', question, 'another.yaml']],
    [[]],
  ])('is the end of %j', async (argv) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
  });
});

describe('exit code 3', () => {
  const asked = ['--model', 'gpt3-13b', '--cluster', 'dgx-a100-80g', '--seq', '1024', '--gbs', '8', ...alone];
  const impossible = [...asked, '--devices', '1', '--microbatch', '1', '--recompute', 'full'];
  it('is a job that cannot be planned, with its binding constraint and fixes', async () => {
    const { code, out, err } = await run(['plan', ...impossible]);
    expect({ code, err }).toEqual({ code: 3, err: '' });
    expect(out).toContain('No plan:');
    expect(out).toContain('  1. ');
  });
  it('offers fixes that, written into the scenario, give a plan', async () => {
    const { code, out } = await run(['plan', ...impossible, '--json']);
    expect(code).toBe(3);
    const answer = planSchema.parse(JSON.parse(out));
    if (answer.outcome !== 'infeasible') throw new Error('13B parameters do not train on one card');
    expect(answer.fixes.length).toBeGreaterThan(0);
    for (const { edits } of answer.fixes) {
      const sets = edits.flatMap(({ key, value }) => ['--set', `${key}=${value}`]);
      expect((await run(['plan', ...impossible, ...sets])).code).toBe(0);
    }
  });
  it('is a layout that no rule allows, with the rule', async () => {
    const { code, out, err } = await run(['plan', question, '--explain', 'tp=3']);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toContain('3');
  });
});

describe('exit code 4', () => {
  it('is a scenario with mistakes: every one on a line with its place, and their number', async () => {
    const file = written(
      'wrong.yaml',
      `model: gpt3-350n
cluster: dgx-a100-80g
devices: 8
worload: {sequence: 1024}
layout: {tp: 2, schedule: 1f1c}
seed: one
`,
    );
    const { code, out, err } = await run(['plan', file]);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    const lines = err.trimEnd().split('\n');
    const mistakes = lines.slice(0, -1);
    for (const line of mistakes) expect(line).toMatch(/wrong\.yaml:\d+:\d+ /u);
    expect(lines.at(-1)).toBe(`${mistakes.length} mistakes in ${file}; nothing was planned.`);
    expect(err).toContain('wrong.yaml:1:8 ');
    expect(err).toContain('wrong.yaml:5:27 layout.schedule');
  });
  it('is a file that is not there, with the nearest name', async () => {
    const { code, out, err } = await run(['plan', join(folder, 'rum.yaml')]);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain(`did you mean ${question}?`);
  });
  it('is a file of rows that cannot be read', async () => {
    const { code, err } = await run(['validate', written('rows.jsonl', '{"id": \n')]);
    expect(code).toBe(4);
    expect(err).toContain('rows.jsonl:1:');
    expect(err).toContain('1 mistake in');
  });
});

describe('exit code 130', () => {
  it('is an interrupted search, which still prints what it has', async () => {
    const { code, out, halted } = await run(['plan', question, ...alone, '--json'], { interrupts: 1 });
    expect({ code, halted }).toEqual({ code: 130, halted: [] });
    const answer = planSchema.parse(JSON.parse(out));
    // It was interrupted before it looked at anything.
    expect(answer.outcome).toBe('unfinished');
  });
  it('comes at once with the second interrupt', async () => {
    const { halted } = await run(['plan', question, ...alone], { interrupts: 2 });
    expect(halted).toEqual([130]);
  });
});

describe('JSON', () => {
  it('is the same bytes for the same question, and obeys the shipped schema', async () => {
    const [first, second] = [
      await run(['plan', question, ...alone, '--json']),
      await run(['plan', question, ...alone, '--json']),
    ];
    expect(first.out).toBe(second.out);
    expect(planSchema.parse(JSON.parse(first.out)).outcome).toBe('plan');
  });
  it('of simulate, validate and doctor obeys the shipped schemas', async () => {
    const simulated = await run(['simulate', question, '--tp', '2', '--pp', '1', '--microbatch', '1', '--json']);
    simulateSchema.parse(JSON.parse(simulated.out));
    const rows = readFileSync(packageFile('scenarios/validation/rows.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 3)
      .join('\n');
    const validated = await run(['validate', written('three.jsonl', rows), '--json']);
    expect(validationSchema.parse(JSON.parse(validated.out)).rows.length).toBeGreaterThanOrEqual(3);
    doctorSchema.parse(JSON.parse((await run(['doctor', '--json'])).out));
  });
  it('of the winner is what --explain and simulate say of the same layout', async () => {
    const planned = planSchema.parse(JSON.parse((await run(['plan', question, ...alone, '--json'])).out));
    if (planned.outcome !== 'plan') throw new Error('the question has a plan');
    const { tp, pp, vp, microbatch, schedule, sequence_parallel: isSharded } = planned.winner.layout;
    const axes = `tp=${tp},pp=${pp},vp=${vp},microbatch=${microbatch},schedule=${schedule},sequenceParallel=${isSharded}`;
    const explained = await run(['plan', question, '--explain', axes, '--json']);
    expect(simulateSchema.parse(JSON.parse(explained.out)).candidate).toEqual(planned.winner);
    const simulated = await run(['simulate', question, '--json']);
    expect(simulateSchema.parse(JSON.parse(simulated.out)).candidate).toEqual(planned.winner);
  });
});

describe('a flag', () => {
  it('is shorthand for a key of the scenario that --print-scenario shows', async () => {
    const flags = ['--model', 'gpt3-350m', '--cluster', 'dgx-a100-80g', '--gpus', '8', '--seq', '1024', '--gbs', '64'];
    const more = [
      '--tokens',
      '10B',
      '--tp',
      '1,2',
      '--pp',
      '1,2',
      '--microbatch',
      '1,2',
      '--zero',
      '1',
      '--recompute',
      'none',
    ];
    const printed = await run(['plan', ...flags, ...more, '--print-scenario']);
    expect({ code: printed.code, err: printed.err }).toEqual({ code: 0, err: '' });
    const file = written('printed.yaml', printed.out);
    const [byFlags, byFile] = [
      await run(['plan', ...flags, ...more, ...alone, '--json']),
      await run(['plan', file, ...alone, '--json']),
    ];
    expect(byFlags.out).toBe(byFile.out);
  });
  it('overrides the key of a file', async () => {
    const { out } = await run(['simulate', question, '--tp', '2', '--set', 'layout.pp=2', '--json']);
    const { layout } = simulateSchema.parse(JSON.parse(out)).candidate;
    expect([layout.tp, layout.pp]).toEqual([2, 2]);
  });
  it('with a wrong value is a complaint like any other', async () => {
    const { code, err } = await run(['plan', question, '--precision', 'bf17']);
    expect(code).toBe(4);
    expect(err).toContain('precision');
  });
});

describe('a terminal', () => {
  it('sees colours and progress; a pipe, a build and NO_COLOR see neither', async () => {
    const escape = '\u001b[';
    const argv = ['plan', question, ...alone];
    const watched = await run(argv, { isTerminal: true });
    expect(watched.out).toContain(escape);
    expect(watched.err).toContain('layouts');
    const build = await run(argv, { isTerminal: true, environment: { CI: 'true' } });
    expect(build.err).toBe('');
    const plain = await run(argv, { isTerminal: true, environment: { NO_COLOR: '1' } });
    expect(plain.out).not.toContain(escape);
    expect((await run(argv)).out).toBe(plain.out);
  });
});
