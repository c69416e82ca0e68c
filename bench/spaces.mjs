/** The spaces that the benches search, and the layouts of each that are worth a simulation. */
import { fileURLToPath } from 'node:url';
import { libraryFor } from '../dist/cli/files.js';
import { choicesOf, countOf, gridsOf, jobAt, pointAt } from '../dist/plan/enumerate.js';
import { worthKeeping } from '../dist/plan/front.js';
import { candidateOf } from '../dist/plan/outlook.js';
import { runTask } from '../dist/plan/task.js';
import { parseScenario } from '../dist/scenario/parse.js';
import { folded } from '../dist/sim/folded.js';
import { profileCache } from '../dist/sim/cache.js';

const folder = fileURLToPath(new URL('..', import.meta.url));

export const GPT3 = `
model: gpt3-175b
cluster: dgx-a100-80g
devices: 1024
workload: { kind: pretrain, sequence: 2048, globalBatch: 1536 }
`;
export const GPT3_WHOLE = `
model: gpt3-175b
cluster: dgx-a100-80g
devices: 4096
workload: { kind: pretrain, sequence: 2048, globalBatch: 1536 }
search: whole
`;
export const DEEPSEEK = `
model: deepseek-v3
cluster: h800-hcc
devices: 2048
workload: { kind: pretrain, sequence: 4096, globalBatch: 15360 }
precision: fp8-block
`;

const scenarioOf = (text) => {
  const file = 'bench.yaml';
  const parsed = parseScenario({ file, text }, libraryFor(file, { folder }));
  if (parsed.kind !== 'scenario') throw new Error(parsed.complaints.map(({ message }) => message).join('\n'));
  return parsed.scenario;
};

/** Layouts of so many are surveyed in a round; of larger spaces some of the grids, evenly from the first to the last. */
const LAYOUTS_MAX = 400_000;
/** The fastest by their sketch are simulated: what is known of the best, as in a search under way. */
const LEADERS = 16;

/** Grids of a scenario with what a search knows when it looks at them. */
export const spaceOf = (text) => {
  const scenario = scenarioOf(text);
  const all = gridsOf(scenario);
  const total = countIn(scenario, all);
  const every = Math.ceil(total / LAYOUTS_MAX);
  const grids = all.filter((_grid, index) => index % every === 0);
  const cache = profileCache();
  const open = surveyed(scenario, { grids, incumbents: [], cache }).toSorted((a, b) => a.step - b.step);
  const leaders = open.slice(0, LEADERS).map(({ point }) => jobAt(scenario, point));
  const candidates = leaders
    .map((job) => candidateOf(job, folded(job, cache)))
    .toSorted((a, b) => a.evaluation.step - b.evaluation.step);
  const incumbents = worthKeeping(candidates);
  return { scenario, total, grids, count: countIn(scenario, grids), incumbents, open, cache };
};

const countIn = (scenario, grids) => grids.reduce((sum, grid) => sum + countOf(choicesOf(scenario, grid)), 0);

/** The tasks of a survey, one a grid. */
export const surveysOf = ({ scenario, grids, incumbents }) =>
  grids.map((grid) => ({ kind: 'survey', scenario, grid, incumbents }));

/** Layouts that fit by their sketch. */
const surveyed = (scenario, { grids, incumbents, cache }) =>
  surveysOf({ scenario, grids, incumbents }).flatMap((task) => {
    const choices = choicesOf(scenario, task.grid);
    return runTask(task, cache).open.map((one) => ({ ...one, point: pointAt(task.grid, choices, one.number) }));
  });

/** So many of the layouts, evenly from the fastest to the slowest. */
export const sampleOf = (open, count) =>
  open.filter(
    (_one, index) => Math.floor((index * count) / open.length) !== Math.floor(((index - 1) * count) / open.length),
  );
