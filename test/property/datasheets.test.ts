/** Laws of clusters of which only a datasheet is known, and of shipped ones with a change. */
import { describe, expect, test } from 'vitest';
import type { Cluster } from '../../src/scenario/cluster.ts';
import { printComplaint } from '../../src/scenario/complaint.ts';
import { parseCluster } from '../../src/scenario/entries.ts';
import { libraryWith, nameOf, shipped } from './scenario-fixtures.ts';

const library = libraryWith();
const parsed = (text: string) => parseCluster({ file: 'c.yaml', text }, library);
const clusterOf = (text: string): Cluster => {
  const { value, complaints } = parsed(text);
  if (value === null) throw new Error(complaints.map(printComplaint).join('\n'));
  return value;
};
const said = (text: string): readonly string[] => parsed(text).complaints.map(printComplaint);

const DATASHEET = `
name: my-cluster
accelerator: {name: X, peak: {bf16: 400TFLOPS}, memory: 64GiB, memoryBandwidth: 1.8TB/s}
devicesPerNode: 4
scaleUp: 300GB/s
nic: 200Gbps
`;

interface Found {
  readonly path: string;
  readonly from: string;
  readonly source: string;
}
const figuresIn = (value: unknown, path = ''): readonly Found[] => {
  if (typeof value !== 'object' || value === null) return [];
  if ('value' in value && 'from' in value && 'source' in value)
    return [{ path, from: String(value.from), source: String(value.source) }];
  return Object.entries(value).flatMap(([key, child]) => figuresIn(child, path === '' ? key : `${path}.${key}`));
};

describe('a cluster of which only a datasheet is known', () => {
  test('is whole: what was said is kept, and what was not is assumed, each figure with its reason', () => {
    const cluster = clusterOf(DATASHEET);
    const reference = figuresIn(clusterOf('dgx-a100-80g')).map(({ path }) => path);
    const figures = figuresIn(cluster);
    const expected = reference.filter((path) => !/bestMfu|peak\.(?:fp32|tf32|fp16)/u.test(path));
    expect(figures.map(({ path }) => path).toSorted()).toEqual(expected.toSorted());
    expect(figures.filter(({ from }) => from !== 'assumed')).toEqual([]);
    const given = figures.filter(({ source }) => source === 'given in the scenario').map(({ path }) => path);
    expect(given.toSorted()).toEqual([
      'accelerator.memory',
      'accelerator.memoryBandwidth',
      'accelerator.peak.bf16',
      'nic.bandwidth',
      'scaleUp.bandwidth',
    ]);
    expect(cluster).toMatchObject({ scaleUpDomain: 4, price: [], bestMfu: null, rails: { value: 4 } });
    expect(cluster.hostMemory.value).toBe(2 * 4 * 64 * 2 ** 30);
  });

  test('needs each of its keys, and says which is missing', () => {
    const lines = DATASHEET.trim().split('\n');
    for (const line of lines) {
      const key = line.slice(0, line.indexOf(':'));
      const rest = lines.filter((other) => other !== line).join('\n');
      expect(parsed(rest).complaints.map(({ path, message }) => [path, message.slice(0, 18)])).toEqual([
        [key, 'is missing; wanted'],
      ]);
    }
    for (const key of ['name', 'memory', 'memoryBandwidth'])
      expect(
        parsed(
          DATASHEET.replace(`{name: X`, '{name: X').replace(new RegExp(`([{,]\\s*)${key}: [^,}]*,?`, 'u'), '$1'),
        ).complaints.map(({ path }) => path),
      ).toEqual([`accelerator.${key}`]);
  });

  test('assumes of a shipped card what is near to what was measured of it', () => {
    for (const source of shipped('clusters').filter((file) => /^dgx|^h.00-sxm/u.test(nameOf(file)))) {
      const full = clusterOf(nameOf(source));
      const { accelerator: card, scaleUp, nic } = full;
      const bare = clusterOf(
        JSON.stringify({
          name: full.name,
          accelerator: {
            name: card.name,
            peak: Object.fromEntries(Object.entries(card.peak).map(([dtype, { value }]) => [dtype, `${value}FLOPS`])),
            memory: `${card.memory.value}B`,
            memoryBandwidth: `${card.memoryBandwidth.value}B/s`,
          },
          devicesPerNode: full.devicesPerNode,
          scaleUp: `${scaleUp.bandwidth.value}B/s`,
          nic: `${nic.bandwidth.value}B/s`,
        }),
      );
      const near = (one: number, other: number): number => Math.abs(Math.log(one / other));
      expect(bare.accelerator.memory.value).toBe(card.memory.value);
      expect(bare.scaleUp.bandwidth.value).toBe(scaleUp.bandwidth.value);
      expect(near(bare.accelerator.matrixEfficiency.value, card.matrixEfficiency.value)).toBeLessThan(0.12);
      expect(near(bare.accelerator.memoryEfficiency.value, card.memoryEfficiency.value)).toBeLessThan(0.05);
      expect(near(bare.scaleUp.efficiency.value, scaleUp.efficiency.value)).toBeLessThan(0.1);
      expect(near(bare.nic.efficiency.value, nic.efficiency.value)).toBeLessThan(0.1);
    }
  });

  test('gives a link as its bandwidth, as a figure, or with what of it is known', () => {
    const nic = (text: string) => clusterOf(DATASHEET.replace('nic: 200Gbps', `nic: ${text}`)).nic;
    const { efficiency, latency } = nic('200Gbps');
    expect(nic('{value: 200Gbps, from: datasheet, source: a letter}')).toEqual({
      bandwidth: { value: 25e9, from: 'datasheet', source: 'a letter' },
      efficiency,
      latency,
    });
    expect(nic('{bandwidth: 200Gbps, efficiency: 50%}')).toMatchObject({ efficiency: { value: 0.5 }, latency });
  });

  test('is refused where it is wrong, at its place and with what was probably meant', () => {
    expect(said(`${DATASHEET}price: {}`)[0]).toMatch(/^c\.yaml:7:8 price: /u);
    const wrong = (from: string, to: string): readonly string[] => said(DATASHEET.replace(from, to));
    expect(wrong('scaleUp: 300GB/s', 'scaleUp: 300GB')).toEqual([
      'c.yaml:5:10 scaleUp: 300GB is not a bandwidth such as 450GB/s or 400Gbps (did you mean 300GB/s?)',
    ]);
    expect(wrong('nic: 200Gbps', 'nic: 200')[0]).toMatch(/^c\.yaml:6:6 nic: 200 is not a bandwidth/u);
    expect(wrong('nic: 200Gbps', 'nic: {bandwith: 200Gbps}').join('\n')).toMatch(
      /^c\.yaml:6:7 nic\.bandwith: .*\(did you mean bandwidth\?\)$/u,
    );
    expect(wrong('nic: 200Gbps', 'nic: {value: 200Gbps, source: a letter}')).toEqual([
      expect.stringMatching(/^c\.yaml:6:1 nic\.from: is missing/u),
    ]);
    expect(wrong('memory: 64GiB', 'memory: 64')[0]).toMatch(
      /accelerator\.memory: 64 is not .*\(did you mean 64GiB\?\)$/u,
    );
    expect(wrong('devicesPerNode: 4', 'devicesPerNode: 4\nscaleUpDomain: 6')).toEqual([
      'c.yaml:5:16 scaleUpDomain: a domain of 6 devices is not whole nodes of 4',
    ]);
    expect(wrong('nic: 200Gbps', 'nic: 0Gbps')[0]).toMatch(/^c\.yaml:6:6 nic: is zero; wanted more than nothing$/u);
  });
});

describe('a change to a shipped cluster', () => {
  test('of its network alone leaves every other figure as it was', () => {
    for (const source of shipped('clusters')) {
      const name = nameOf(source);
      const [before, after] = [clusterOf(name), clusterOf(`{base: ${name}, name: ${name}, nic: 800Gbps}`)];
      expect(after.nic.bandwidth.value).toBe(100e9);
      expect({ ...after, nic: before.nic }).toEqual(before);
      expect({ ...after.nic, bandwidth: before.nic.bandwidth }).toEqual(before.nic);
    }
  });

  test('is refused where it is wrong, with what was probably meant', () => {
    const change = (text: string): string => said(`{base: dgx-a100-80g, ${text}}`).join('\n');
    expect(change('nic: 800GBps')).toMatch(/nic: 800GBps is not .*\(did you mean 800GB\/s\?\)$/u);
    expect(change('nik: 800Gbps')).toMatch(/nik: is not a key here; .*\(did you mean nic\?\)$/u);
    expect(change('pue: 0.9')).toMatch(/pue: 0\.9 is below 1/u);
    expect(said('{base: dgx-a100, nic: 800Gbps}')[0]).toMatch(/did you mean dgx-a100-40g/u);
  });
});
