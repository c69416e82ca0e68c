/** The walls of the house: who may import whom, as one table of steps. `test/walls.test.ts` plants a breach of every rule. */

/** Lowest step first. A folder imports the folders of lower steps and itself; folders of one step are strangers. */
const STAIR = [
  ['units'],
  ['scenario', 'kernels', 'memory'],
  ['effects'],
  ['collectives'],
  ['model'],
  ['actors'],
  ['sim', 'exec'],
  ['plan', 'validate'],
  ['report'],
  ['cli'],
];
const FOLDERS = STAIR.flat();
/** What a process starts with: the command, and the threads that a search or ranks are handed to. */
// The crowds of single messages are asked by benches and laws alone: they are what the closed forms answer for.
const ENTRIES = '^src/(cli/(main|search-worker)|exec/[a-z]+/[a-z]+-thread|sim/(message|rotating)-crowd)[.]ts$';

const folders = (names) => `^src/(${names.join('|')})/`;

const looksDownOnly = STAIR.flatMap((step, height) =>
  step.map((folder) => ({
    name: `${folder}-looks-down-only`,
    comment: 'A folder imports lower steps of the stair alone. Move the shared noun down, or take it as an argument.',
    severity: 'error',
    from: { path: folders([folder]) },
    to: { path: '^src/', pathNot: folders([...STAIR.slice(0, height).flat(), folder]) },
  })),
);

module.exports = {
  forbidden: [
    ...looksDownOnly,
    {
      name: 'every-folder-has-a-step',
      comment: 'A new folder of src/ is a new question: give it a step in this table and a line in ARCHITECTURE.md.',
      severity: 'error',
      from: { path: '^src/', pathNot: folders(FOLDERS) },
      to: {},
    },
    {
      name: 'units-import-nothing',
      comment: 'Everything stands on units/: what it imported, everything would depend on.',
      severity: 'error',
      from: { path: '^src/units/' },
      to: { pathNot: '^src/units/' },
    },
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one noun, or hide a third one.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'only-cli-exec-and-backends-touch-the-machine',
      comment: 'All else runs the same anywhere: ask for an effect, or take the answer as an argument.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|exec|kernels/(wasm|native|gpu))/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'only-exec-and-cli-run-kernels',
      comment: 'A simulation or a plan prices an operation by its shape and never computes a value.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(kernels|exec|cli)/' },
      to: { path: '^src/kernels/(reference|wasm|native|gpu)/' },
    },
    {
      name: 'imports-stand-at-the-top',
      comment: 'An import inside a function hides who needs whom. Only commands and optional packages load late.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|exec|kernels)/' },
      to: { dynamic: true },
    },
    {
      name: 'reached-from-an-entry',
      comment: 'What no command reaches is dead wood: use it or remove it.',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: '^src/', pathNot: ENTRIES, reachable: false },
    },
    {
      name: 'no-import-of-tests-or-benches',
      comment: 'What tests and benches share with the program belongs to the program.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'only-declared-packages',
      comment: 'A user installs `dependencies` alone: anything else is missing on their machine.',
      severity: 'error',
      // Vocabularies of OpenAI's models: who names one without the package is told to install it.
      from: { path: '^src/', pathNot: '^src/exec/data/gpt-encoder[.]ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'every-import-resolves',
      comment: 'An import that leads nowhere escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Types obey the walls as values do: they are read before the compiler drops them.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // AssemblyScript, which has a compiler and a world of its own.
    exclude: { path: '^src/kernels/wasm/assembly/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
