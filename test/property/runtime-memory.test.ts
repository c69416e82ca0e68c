/** Laws of the memory that nobody's tensors take: the cluster knows it, and the scenario has the last word. */
import { expect, test } from 'vitest';
import { parseCluster } from '../../src/scenario/entries.ts';
import { libraryWith, nameOf, RIGHT, scenarioOf, shipped } from './scenario-fixtures.ts';

const GPU = 3 * 2 ** 30;
const runtimeOf = (cluster: string, software: string): number =>
  scenarioOf(
    RIGHT.replace('dgx-a100-80g', cluster)
      .replace('devices: 64', 'devices: 16')
      .replace(/^software: .*\n/mu, software),
  ).software.frameworkMemory.value;

test('every GPU that ships has that of CUDA, and a core of this machine next to nothing', () => {
  for (const source of shipped('clusters')) {
    const { value } = parseCluster(source, libraryWith());
    const own = nameOf(source) === 'local-cpu' ? 64 * 2 ** 20 : GPU;
    expect([nameOf(source), value?.runtimeMemory.value]).toEqual([nameOf(source), own]);
  }
});
test('a scenario that says nothing of software has what its cluster has', () => {
  expect(runtimeOf('dgx-a100-80g', '')).toBe(GPU);
  expect(runtimeOf('local-cpu', '')).toBe(64 * 2 ** 20);
  expect(runtimeOf('{base: local-cpu, runtimeMemory: 5MiB}', 'software: {overlap: false}\n')).toBe(5 * 2 ** 20);
});
test('a scenario that says how much it is has the last word', () => {
  for (const cluster of ['dgx-a100-80g', 'local-cpu', '{base: local-cpu, runtimeMemory: 5MiB}'])
    expect(runtimeOf(cluster, 'software: {frameworkMemory: 7MiB}\n')).toBe(7 * 2 ** 20);
});
