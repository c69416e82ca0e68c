/** The walls stand: every rule of `.dependency-cruiser.cjs` fires on a breach planted for it, and on nothing else. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { argv0 } from 'node:process';
import { expect, test } from 'vitest';

/** The stair, said a second time: the rules are held to it, not to their own table. */
const HEIGHT: Readonly<Record<string, number>> = {
  units: 1,
  scenario: 2,
  kernels: 2,
  memory: 2,
  effects: 3,
  collectives: 4,
  model: 5,
  actors: 6,
  sim: 7,
  exec: 7,
  plan: 8,
  validate: 8,
  report: 9,
  cli: 10,
};
const FOLDERS = Object.keys(HEIGHT);
const heightOf = (folder: string): number => HEIGHT[folder] ?? Number.NaN;

/** A source tree: what stands in each file. */
type Tree = Readonly<Record<string, string>>;

const NOUN = 'export interface Noun { readonly kind: 0 }\nexport const noun = 0;\n';
const importing = (target: string): string => `import { noun } from '${target}';\nexport const used = noun;\n`;
const importingType = (target: string): string => `import type { Noun } from '${target}';\nexport type Used = Noun;\n`;

/** A command that reaches every file given. */
const main = (files: readonly string[]): Tree => ({
  'src/cli/main.ts': files.map((file) => `import '${file.replace(/^src\//, '../')}';\n`).join(''),
});
const reached = (tree: Tree): Tree => ({
  ...tree,
  ...main(Object.keys(tree).filter((file) => /^src\/.*ts$/.test(file))),
});

const CONFIGURATION: Tree = {
  'tsconfig.json':
    '{ "compilerOptions": { "module": "NodeNext", "allowImportingTsExtensions": true, "noEmit": true } }',
  'package.json': '{ "type": "module", "dependencies": { "declared": "1" }, "devDependencies": { "tool": "1" } }',
  'node_modules/declared/package.json': '{ "name": "declared", "main": "main.js" }',
  'node_modules/declared/main.js': '',
  'node_modules/tool/package.json': '{ "name": "tool", "main": "main.js" }',
  'node_modules/tool/main.js': '',
};

interface Cruise {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

/** Every breach that the house's own rules find in the tree, as `file: rule`, in order. */
const breaches = (tree: Tree): string[] => {
  const root = mkdtempSync(join(tmpdir(), 'walls-'));
  try {
    for (const [file, text] of Object.entries({ ...CONFIGURATION, ...tree })) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    const rules = resolve('.dependency-cruiser.cjs');
    const command = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const options = { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
    const { stdout, stderr } = spawnSync(argv0, [command, '--config', rules, '--output-type', 'json', 'src'], options);
    if (stdout === '') throw new Error(`dependency-cruiser said nothing but: ${stderr}`);
    const { summary } = JSON.parse(stdout) as Cruise;
    return summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`).toSorted();
  } finally {
    rmSync(root, { recursive: true });
  }
};

test('a folder imports lower steps and itself, and nothing else, not even a type', () => {
  const pairs = FOLDERS.flatMap((from) => FOLDERS.map((to) => ({ from, to })));
  const tree: Record<string, string> = {};
  const expected: string[] = [];
  for (const folder of FOLDERS) tree[`src/${folder}/noun.ts`] = NOUN;
  for (const { from, to } of pairs) {
    const files = [`src/${from}/uses-${to}.ts`, `src/${from}/names-${to}.ts`] as const;
    tree[files[0]] = importing(`../${to}/noun.ts`);
    tree[files[1]] = importingType(`../${to}/noun.ts`);
    const isAllowed = from === to || heightOf(to) < heightOf(from);
    if (!isAllowed) expected.push(...files.map((file) => `${file}: ${from}-looks-down-only`));
    if (from === 'units' && to !== 'units') expected.push(...files.map((file) => `${file}: units-import-nothing`));
  }
  expect(breaches(reached(tree))).toEqual(expected.toSorted());
});

test('only the command line, the executor and the backends touch the machine', () => {
  const rooms = [...FOLDERS, 'kernels/reference', 'kernels/wasm', 'kernels/native', 'kernels/gpu'];
  const free = new Set(['cli', 'exec', 'kernels/wasm', 'kernels/native', 'kernels/gpu']);
  const fileOf = (room: string): string => `src/${room}/file.ts`;
  const tree = Object.fromEntries(rooms.map((room) => [fileOf(room), "import { readFileSync } from 'node:fs';\n"]));
  const expected = rooms
    .filter((room) => !free.has(room))
    .map((room) => `${fileOf(room)}: only-cli-exec-and-backends-touch-the-machine`);
  expect(breaches(reached(tree))).toEqual([...expected, 'src/units/file.ts: units-import-nothing'].toSorted());
});

test('a kernel is run by the executor and the command line alone', () => {
  const users = FOLDERS.filter((folder) => heightOf(folder) > heightOf('kernels'));
  const tree = Object.fromEntries(
    users.map((user) => [`src/${user}/run.ts`, importing('../kernels/reference/add.ts')]),
  );
  const expected = users
    .filter((user) => user !== 'exec' && user !== 'cli')
    .map((user) => `src/${user}/run.ts: only-exec-and-cli-run-kernels`);
  expect(breaches(reached({ ...tree, 'src/kernels/reference/add.ts': NOUN }))).toEqual(expected.toSorted());
});

test('two files never need each other, not even for a type', () => {
  const cycle = {
    'src/sim/hen.ts': "import type { Egg } from './egg.ts';\nexport interface Hen { readonly lays: Egg }\n",
    'src/sim/egg.ts': "import type { Hen } from './hen.ts';\nexport interface Egg { readonly hatches: Hen }\n",
  };
  expect(breaches(reached(cycle))).toEqual(['src/sim/egg.ts: no-cycle']);
});

test('only commands, the executor and the backends import inside a function', () => {
  const users = FOLDERS.filter((folder) => heightOf(folder) >= heightOf('kernels'));
  const late = "export const late = async (): Promise<unknown> => import('../units/noun.ts');\n";
  const tree = Object.fromEntries(users.map((user) => [`src/${user}/late.ts`, late]));
  const expected = users
    .filter((user) => !['cli', 'exec', 'kernels'].includes(user))
    .map((user) => `src/${user}/late.ts: imports-stand-at-the-top`);
  expect(breaches(reached({ ...tree, 'src/units/noun.ts': NOUN }))).toEqual(expected.toSorted());
});

test('what neither the command nor the search worker reaches is reported', () => {
  const tree = {
    'src/cli/search-worker.ts': importing('../plan/used-by-worker.ts'),
    'src/cli/main.ts':
      "await import('../plan/used-lazily.ts');\nimport type { Noun } from '../plan/used-as-type.ts';\n",
    'src/plan/used-by-worker.ts': NOUN,
    'src/plan/used-lazily.ts': NOUN,
    'src/plan/used-as-type.ts': NOUN,
    'src/plan/dead.ts': NOUN,
  };
  expect(breaches(tree)).toEqual(['src/plan/dead.ts: reached-from-an-entry']);
});

test('the program imports neither its tests nor what a user does not install', () => {
  const tree = {
    'test/world.ts': NOUN,
    'src/plan/uses-test.ts': importing('../../test/world.ts'),
    'src/plan/uses-declared.ts': importing('declared'),
    'src/plan/uses-tool.ts': importing('tool'),
    'src/plan/uses-nothing.ts': importing('./nothing.ts'),
  };
  expect(breaches(reached(tree))).toEqual([
    'src/plan/uses-nothing.ts: every-import-resolves',
    'src/plan/uses-test.ts: no-import-of-tests-or-benches',
    'src/plan/uses-tool.ts: only-declared-packages',
  ]);
});

test('a folder without a step on the stair may not join in', () => {
  const tree = { 'src/utils/common.ts': importing('../units/noun.ts'), 'src/units/noun.ts': NOUN };
  expect(breaches(reached(tree))).toContain('src/utils/common.ts: every-folder-has-a-step');
});
