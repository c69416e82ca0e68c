/** The spaces that the benches search, and the layouts of each that are worth a simulation. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { libraryFor } from '../dist/cli/files.js';
import { choicesOf, countOf, gridsOf, jobAt, pointAt } from '../dist/plan/enumerate.js';
import { worthKeeping } from '../dist/plan/front.js';
import { candidateOf } from '../dist/plan/outlook.js';
import { runTask } from '../dist/plan/task.js';
import { parseScenario } from '../dist/scenario/parse.js';
import { folded } from '../dist/sim/folded.js';
import { profileCache } from '../dist/sim/profile.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const RUNS = 'scenarios/runs/';

/** A run of `scenarios/runs/`, or a text of YAML. */
export const scenarioOf = (text) => {
  const file = `${RUNS}${text}`;
  const isFile = text.endsWith('.yaml');
  const { scenario } = parseScenario(
    { file, text: isFile ? readFileSync(`${folder}${file}`, 'utf8') : text },
    libraryFor(file, { folder }),
  );
  if (scenario === undefined) throw new Error(`no scenario: ${text}`);
  return scenario;
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
