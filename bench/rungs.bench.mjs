/** How many layouts a second each rung looks at, coarse to fine: GPT-3 175B on 1,024 A100, profiles of layers warm. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { libraryFor } from '../dist/cli/files.js';
import { parseScenario } from '../dist/scenario/parse.js';
import { bound } from '../dist/sim/bound.js';
import { folded } from '../dist/sim/folded.js';
import { sketch } from '../dist/sim/sketch.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const file = 'scenarios/runs/gpt3-175b-on-1024-a100.yaml';
const { scenario } = parseScenario(
  { file, text: readFileSync(`${folder}${file}`, 'utf8') },
  libraryFor(file, { folder }),
);

const base = { tp: 8, pp: 16, vp: 1, dp: 8, microbatch: 1, schedule: '1f1b', zero: 1, sequenceParallel: true };
const job = (layout) => ({ ...scenario, devices: 1024, precision: 'bf16', recompute: { kind: 'none' }, layout });
const plain = job(base);
const interleaved = job({ ...base, vp: 6, schedule: 'interleaved' });

const cache = new Map();
for (const look of [sketch, bound, folded]) for (const one of [plain, interleaved]) look(one, cache);
const repeat = (times, act) => {
  for (let i = 0; i < times; i++) act();
  return times;
};

export const bench = {
  subject: 'rungs',
  item: 'layout',
  figure: 'rate',
  cases: {
    'folded 1f1b': () => repeat(4, () => folded(plain, cache)),
    'folded interleaved': () => repeat(2, () => folded(interleaved, cache)),
    'bound 1f1b': () => repeat(40, () => bound(plain, cache)),
    'bound interleaved': () => repeat(20, () => bound(interleaved, cache)),
    sketch: () => repeat(2000, () => sketch(plain, cache)),
  },
};
