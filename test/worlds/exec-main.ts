/** A process of its own that launches a crew and then has nothing left to do: `node exec-main.js THREAD RANKS`. */
import { argv, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';
import { crewOf } from './exec-crew.ts';

const [thread, rankCount] = argv.slice(2);
const crew = crewOf({ kind: 'ping-pong', rounds: 100, burst: 1, elements: 8 }, Number(rankCount), {
  thread: pathToFileURL(thread!),
});
const outcomes = await crew.ended;
stdout.write(JSON.stringify(outcomes.map(({ result }) => result)));
