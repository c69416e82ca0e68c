/** From the text of a scenario to a frozen, whole `Scenario`, or to every complaint at once. Nothing deeper checks again. */
import type { z } from 'zod';
import type { Cluster } from './cluster.ts';
import type { Complaint, Finding } from './complaint.ts';
import { inLine, inReadingOrder } from './complaint.ts';
import { conditionsFrom } from './conditions-schema.ts';
import type { Fixed } from './contradictions.ts';
import { contradictions } from './contradictions.ts';
import { PRECISION } from './defaults.ts';
import type { Entry } from './entries.ts';
import { clusterEntry, modelEntry } from './entries.ts';
import { deepFreeze } from './freeze.ts';
import { complaintAt, complaintsAbout, show } from './issues.ts';
import type { Library } from './library.ts';
import type { Model } from './model.ts';
import { runContradictions } from './real-run-contradictions.ts';
import { runFrom } from './real-run-schema.ts';
import { reliabilityFrom } from './reliability-schema.ts';
import {
  devicesAxis,
  layoutShape,
  precisionAxis,
  recomputeAxis,
  scenarioSchema,
  workloadShape,
} from './scenario-schema.ts';
import type { Scenario } from './scenario.ts';
import type { Source, Tree } from './tree.ts';
import { isRecord, nearestAt, readAt, readTree } from './tree.ts';

export type Parsed =
  | {
      readonly kind: 'scenario';
      readonly scenario: Scenario;
      /** Gives what is found later the place of its key, or of the nearest above it that was written. */
      readonly complaintOf: (finding: Finding) => Complaint;
    }
  | { readonly kind: 'complaints'; readonly complaints: readonly Complaint[] };

export const parseScenario = (source: Source, library: Library): Parsed => {
  const { tree, complaints } = readTree(source);
  if (tree === null) return refuse(complaints);
  if (!isRecord(tree))
    return refuse([complaintAt(tree, `${show(tree.value)} is not a scenario: wanted a mapping of keys`)]);
  const model = required('model', tree, (child) => modelEntry(child, library));
  const cluster = required('cluster', tree, (child) => clusterEntry(child, library));
  const checked = scenarioSchema.safeParse(tree.value);
  const all = [
    ...complaints,
    ...model.complaints,
    ...cluster.complaints,
    ...(checked.success ? [] : complaintsAbout(checked.error, tree)),
    ...contradictions(fixedOf(tree, model.value, cluster.value), tree),
    ...runContradictions(tree),
  ];
  if (all.length > 0 || !checked.success || model.value === null || cluster.value === null) return refuse(all);
  const named = {
    title: titleOf(source.text) ?? `${model.value.name} on ${cluster.value.name}`,
    model: model.value,
    cluster: cluster.value,
  };
  const complaintOf = (finding: Finding): Complaint => ({ ...nearestAt(tree, finding.path.split('.')).at, ...finding });
  return {
    kind: 'scenario',
    scenario: deepFreeze({ ...named, ...questionOf(checked.data, named) }),
    complaintOf,
  };
};

const refuse = (complaints: readonly Complaint[]): Parsed => ({
  kind: 'complaints',
  complaints: inReadingOrder(complaints),
});

const required = <Value>(key: string, tree: Tree, read: (child: Tree) => Entry<Value>): Entry<Value> => {
  const child = tree.children.get(key);
  if (child !== undefined) return read(child);
  const complaint = { ...complaintAt(tree, `is missing; wanted the name of a ${key}, or a mapping`), path: key };
  return { value: null, complaints: [complaint] };
};

/** The first comment of the file that is not addressed to an editor. */
const titleOf = (text: string): string | null => {
  const comments = text.split('\n').filter((line) => line.startsWith('#') && !line.includes('yaml-language-server'));
  const title = inLine(comments[0]?.replace(/^#+\s*/u, '') ?? '').trim();
  return title === '' ? null : title;
};

type Written = z.output<typeof scenarioSchema>;

const questionOf = (
  { layout, memory, ...written }: Written,
  { model, cluster }: Pick<Scenario, 'model' | 'cluster'>,
): Omit<Scenario, 'title' | 'model' | 'cluster'> => {
  const { sequence, globalBatch, tokens } = written.workload;
  const { software } = written;
  const { runtimeMemory, fabric } = cluster;
  return {
    devices: written.devices,
    workload: written.workload,
    layout,
    precision: written.precision,
    recompute: written.recompute,
    offload: memory.offload,
    software: { ...software, frameworkMemory: software.frameworkMemory ?? runtimeMemory },
    conditions: conditionsFrom(written.conditions, { hasFabric: fabric !== null }),
    reliability: written.reliability === undefined ? null : reliabilityFrom(written.reliability, model, cluster),
    search: written.search,
    memoryMargin: memory.margin,
    ...runFrom(written, { tokens, stepTokens: sequence * globalBatch, seed: written.seed }),
    seed: written.seed,
  };
};

/** The axes with one value, read one by one: a mistake in one key does not hide what contradicts another. */
const fixedOf = (tree: Tree, model: Model | null, cluster: Cluster | null): Fixed => {
  const only = <Value>(schema: z.ZodType<readonly Value[]>, path: string): Value | null =>
    single(readAt(schema, tree, path) ?? []);
  return {
    model,
    cluster,
    devices: only(devicesAxis, 'devices'),
    sequence: readAt(workloadShape.sequence, tree, 'workload.sequence'),
    globalBatch: readAt(workloadShape.globalBatch, tree, 'workload.globalBatch'),
    tokens: readAt(workloadShape.tokens, tree, 'workload.tokens'),
    tp: only(layoutShape.tp, 'layout.tp'),
    cp: only(layoutShape.cp, 'layout.cp')?.size ?? null,
    ep: only(layoutShape.ep, 'layout.ep'),
    etp: only(layoutShape.etp, 'layout.etp'),
    pp: only(layoutShape.pp, 'layout.pp'),
    vp: only(layoutShape.vp, 'layout.vp'),
    firstLayers: only(layoutShape.firstLayers, 'layout.firstLayers'),
    lastLayers: only(layoutShape.lastLayers, 'layout.lastLayers'),
    dp: only(layoutShape.dp, 'layout.dp'),
    microbatch: only(layoutShape.microbatch, 'layout.microbatch'),
    schedule: only(layoutShape.schedule, 'layout.schedule'),
    sequenceParallel: only(layoutShape.sequenceParallel, 'layout.sequenceParallel'),
    precision: tree.children.has('precision') ? (readAt(precisionAxis, tree, 'precision') ?? []) : [PRECISION],
    recompute: only(recomputeAxis, 'recompute'),
  };
};

const single = <Value>(values: readonly Value[]): Value | null => (values.length === 1 ? (values[0] ?? null) : null);
