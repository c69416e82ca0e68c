/**
 * Other planners beside this one, on this machine and one core each: `PEERS=folder node bench/peers.mjs`. It runs those that it
 * finds in the folder and says of the others how to get them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { runTask } from '../dist/plan/task.js';
import { DEEPSEEK, GPT3_WHOLE, spaceOf, surveysOf } from './spaces.mjs';

const MINUTES_MAX = 15;

/**
 * What a combination is. In Calculon: tensor, pipeline and data ranks, interleaving, microbatch, recompute, optimizer
 * sharding, kinds of tensor-parallel communication, overlaps and offloads; each is evaluated by closed forms, and those that
 * do not fit are counted too. In SimuMax: tensor, expert and pipeline ranks and recompute; each is one analytical estimate
 * of time and memory. Here: every axis of `search: whole`; each gets a verdict, most by rules, memory and a sketch, which
 * is no more than the closed forms of the others. What is simulated beyond that they have no count for.
 */
const PEERS = [
  {
    name: 'Calculon',
    folder: 'calculon',
    // The last commit: 2024-02-22.
    get: 'git clone https://github.com/calculon-ai/calculon && git -C calculon checkout caa4b11 && pip install psutil',
    // The search of its README, on one core, over a model and a system that it ships.
    argv: 'bin/calculon llm-optimal-execution models/turing-530B.json 5128 2520 float16 systems/a100_80g.json'
      .split(' ')
      .concat(join(tmpdir(), 'calculon.json'), '-m', '-c', '1'),
    rateIn: (text) => Number(/Calculation rate: ([\d.]+)/u.exec(text)?.[1]),
    beside: GPT3_WHOLE,
  },
  {
    name: 'SimuMax',
    folder: 'SimuMax',
    // Release 1.2, 2026-05-11.
    get: 'git clone https://github.com/MooreThreads/SimuMax && git -C SimuMax checkout 4dcaae5 && pip install -e SimuMax',
    // The search for DeepSeek-V3 of its examples; its estimates are counted as they are made.
    argv: [
      '-c',
      `
import sys, time
sys.path.insert(0, 'examples/search')
from simumax.core.perf_llm import PerfLLM
from llm_search import search
plain, count = PerfLLM.run_estimate, [0]
def counted(self, *rest, **named):
    count[0] += 1
    return plain(self, *rest, **named)
PerfLLM.run_estimate = counted
start = time.process_time()
search('deepseekv3', 'a100_pcie')
print('estimates a second:', count[0] / (time.process_time() - start))
`,
    ],
    rateIn: (text) => Number(/estimates a second: ([\d.]+)/u.exec(text)?.[1]),
    beside: DEEPSEEK,
  },
];

/** Verdicts a second of one thread, caches warm. */
const ownRate = (text) => {
  const space = spaceOf(text);
  const tasks = surveysOf(space);
  const start = process.cpuUsage();
  for (const task of tasks) runTask(task, space.cache);
  const { user, system } = process.cpuUsage(start);
  return (space.count * 1e6) / (user + system);
};

const peerRate = ({ name, argv, rateIn }, cwd) => {
  const options = { cwd, encoding: 'utf8', timeout: MINUTES_MAX * 60_000, env: { ...process.env, PYTHONPATH: '.' } };
  // Some log what they found to the one stream, some to the other.
  const text = execFileSync('bash', ['-c', '"$@" 2>&1', 'bash', 'python3', ...argv], options);
  const rate = rateIn(text);
  if (!Number.isFinite(rate)) throw new Error(`${name} printed no rate:\n${text.slice(-2000)}`);
  return rate;
};

const home = process.env.PEERS ?? '../peers';
for (const peer of PEERS) {
  const cwd = join(home, peer.folder);
  if (!existsSync(cwd)) {
    console.log(`${peer.name.padEnd(10)} not in ${home}: cd ${home} && ${peer.get}`);
    continue;
  }
  const [own, other] = [ownRate(peer.beside), peerRate(peer, cwd)];
  const rates = `${other.toFixed(1).padStart(10)} /s   angel-sim ${own.toFixed(0).padStart(8)} /s`;
  console.log(`${peer.name.padEnd(10)}${rates}${(own / other).toFixed(0).padStart(8)} x`);
}
