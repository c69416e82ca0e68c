/** Laws of Chakra execution traces, read by the published schema: graphs without cycles, whose ranks fit each other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/effects/trace.ts';
import { rankFiles } from '../../src/report/trace/files.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { ReadGraph, ReadNode } from '../worlds/chakra-reader.ts';
import { chakraIn } from '../worlds/chakra-reader.ts';
import { bytesOf, DETAILED, subjectOf } from '../worlds/detailed-traces.ts';
import { anyJobOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';

interface Files {
  readonly graphs: readonly ReadGraph[];
  /** Ranks by the number of their group. */
  readonly groups: Readonly<Record<string, readonly number[]>>;
}
const filesOf = (job: Job, trace: Trace): Files => {
  const files = rankFiles(trace, subjectOf(job), { format: 'chakra', job, steps: [] });
  const graphs = files.slice(0, -1).map(({ pieces }) => chakraIn(bytesOf(pieces())));
  return { graphs, groups: JSON.parse(bytesOf(files.at(-1)!.pieces()).toString()) as Files['groups'] };
};
const ends = ({ attributes }: ReadNode): string =>
  ['comm_src', 'comm_dst', 'comm_tag', 'comm_size'].map((name) => String(attributes[name])).join(' ');

describe.each(Object.entries(DETAILED))('the Chakra graphs of the %s world', (world, traceOf) => {
  const jobs = world === 'real' ? anyRealJob(4) : anyJobOf(4);
  test('say their version first, number each node once, and wait for nodes that are there before', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { graphs } = filesOf(job, traceOf(job));
        expect(graphs).toHaveLength(job.devices);
        for (const { version, nodes } of graphs) {
          expect(version).toBe('0.0.4');
          const known = new Map<number, ReadNode>();
          const isSound = (node: ReadNode): boolean => {
            const before = node.deps.map((dep) => known.get(dep));
            // A strand goes on when its message is sent, and not when it arrives.
            const isOver = (one: ReadNode | undefined): boolean =>
              one !== undefined && (one.type === 'send' || one.start + one.duration <= node.start + 1);
            return !known.has(node.id) && before.every(isOver) && typeof node.attributes['is_cpu_op'] === 'boolean';
          };
          for (const node of nodes) {
            if (!isSound(node)) expect(node).toBe('a node of its own, behind all that it waits for');
            known.set(node.id, node);
          }
          // Strands begin where they are forked: all but the first node wait for something.
          expect(nodes.filter(({ deps }) => deps.length === 0).length).toBeLessThan(Math.max(2, nodes.length / 4));
        }
      }),
      { numRuns: 3 },
    );
  });
  test('receive whatever is sent, once, and meet in each collective with all of its group', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { graphs, groups } = filesOf(job, traceOf(job));
        const all = graphs.flatMap(({ nodes }, rank) => nodes.map((node) => ({ rank, node })));
        const of = (type: ReadNode['type']): readonly (typeof all)[number][] =>
          all.filter(({ node }) => node.type === type);
        expect(
          of('send')
            .map(({ node }) => ends(node))
            .toSorted(),
        ).toEqual(
          of('receive')
            .map(({ node }) => ends(node))
            .toSorted(),
        );
        for (const { rank, node } of of('send')) expect(node.attributes['comm_src']).toBe(rank);
        for (const { rank, node } of of('receive')) expect(node.attributes['comm_dst']).toBe(rank);
        const meetings = new Map<string, number[]>();
        for (const { rank, node } of of('collective')) {
          const { comm_type: type, comm_tag: tag, pg_name: group, comm_size: size } = node.attributes;
          expect([0, 2, 6, 7]).toContain(type);
          // Of an exchange each rank has parts of its own sizes.
          const key = [group, type, tag, type === 6 ? '' : size].map(String).join(' ');
          meetings.set(key, [...(meetings.get(key) ?? []), rank]);
        }
        for (const [key, ranks] of meetings)
          expect(ranks.toSorted((a, b) => a - b)).toEqual(groups[key.split(' ')[0]!]!.toSorted((a, b) => a - b));
      }),
      { numRuns: 3 },
    );
  });
  test('compute what the trace has computed, for as long', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const trace = traceOf(job);
        const { graphs } = filesOf(job, trace);
        for (const [rank, { nodes }] of graphs.entries()) {
          const spans = trace.filter(
            (entry) =>
              entry.kind === 'span' &&
              entry.rank === rank &&
              entry.lane === 'compute' &&
              entry.scene?.isCollective === false,
          );
          const computed = nodes.filter(
            ({ type, attributes }) => type === 'compute' && attributes['is_cpu_op'] === false,
          );
          expect(computed).toHaveLength(spans.length);
          const time = spans.reduce((sum, entry) => sum + (entry.kind === 'span' ? entry.end - entry.start : 0), 0);
          const told = computed.reduce((sum, { duration }) => sum + duration, 0);
          expect(Math.abs(told - time / 1e3)).toBeLessThanOrEqual(spans.length);
        }
      }),
      { numRuns: 3 },
    );
  });
});
