/** The shipped catalogues as a library, and a scenario that is right, to be spoilt. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Complaint } from '../../src/scenario/complaint.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import type { Library, Shelf } from '../../src/scenario/library.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import type { Source } from '../../src/scenario/tree.ts';

const ROOT = new URL('../../scenarios/', import.meta.url);

export const shipped = (folder: 'models' | 'clusters' | 'runs'): readonly Source[] =>
  readdirSync(new URL(`${folder}/`, ROOT))
    .toSorted()
    .map((name) => ({ file: `${folder}/${name}`, text: readFileSync(new URL(`${folder}/${name}`, ROOT), 'utf8') }));

export const nameOf = ({ file }: Source): string => file.replace(/^.*\//u, '').replace(/\.yaml$/u, '');

const shelfOf = (sources: readonly Source[]): Shelf => {
  const byName = new Map(sources.map((source) => [nameOf(source), source]));
  return { names: [...byName.keys()], find: (name) => byName.get(name) ?? null };
};

/** The shipped catalogues; of the user's own files, those given here. */
export const libraryWith = (files: Readonly<Record<string, string>> = {}): Library => ({
  models: shelfOf(shipped('models')),
  clusters: shelfOf(shipped('clusters')),
  read: (path) => (Object.hasOwn(files, path) ? { file: path, text: files[path] ?? '' } : null),
});

export const RIGHT = `# Is everything in order?
model: gpt-13b
cluster: dgx-a100-80g
devices: 64
workload: {kind: pretrain, sequence: 2048, globalBatch: 512, tokens: 300B}
layout: {tp: 4, pp: 2, vp: 2, cp: 1, ep: 1, microbatch: 1, schedule: interleaved, zero: 1, sequenceParallel: true}
precision: bf16
recompute: selective
memory: {offload: none, margin: 5%}
software: {attention: flash, overlap: true}
seed: 1
`;

const library = libraryWith();

export const complaintsOf = (text: string, from: Library = library): readonly Complaint[] => {
  const parsed = parseScenario({ file: 'run.yaml', text }, from);
  return parsed.kind === 'complaints' ? parsed.complaints : [];
};
export const printed = (text: string, from: Library = library): readonly string[] =>
  complaintsOf(text, from).map(printComplaint);

export const scenarioOf = (text: string, from: Library = library): Scenario => {
  const parsed = parseScenario({ file: 'run.yaml', text }, from);
  if (parsed.kind === 'complaints') throw new Error(parsed.complaints.map(printComplaint).join('\n'));
  return parsed.scenario;
};

/** `RIGHT` with one line in place of the one that has the same key. */
export const withLine = (line: string, text = RIGHT): string => {
  const key = line.slice(0, line.indexOf(':') + 1);
  return text
    .split('\n')
    .map((old) => (old.startsWith(key) ? line : old))
    .join('\n');
};
/** The one complaint about `RIGHT` with this line. */
export const only = (line: string): string => {
  const [first = 'nothing was complained of', ...others] = printed(withLine(line));
  expect(others).toEqual([]);
  return first;
};
