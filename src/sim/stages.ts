/** The stages of a job, each with its passes timed alone; stages that hold and do the same share one timing. */
import type { DeviceContext } from '../actors/device-context.ts';
import { deviceContext } from '../actors/device-context.ts';
import { layerGroups, placeOf, stageSize, stateGroups } from '../actors/mesh.ts';
import { neighbourOf, positionAt } from '../actors/schedules/placement.ts';
import type { Chunk } from '../model/stages.ts';
import { chunksByPosition, unitsOf } from '../model/stages.ts';
import type { Job, Layout } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { rank } from '../units/identity.ts';
import type { Rank } from '../units/identity.ts';
import { layerFabric, liesAlike, stateFabric } from './fabric.ts';
import type { Machine } from './machine.ts';
import type { SectionCache } from './profile.ts';
import { circumstances, profilesFor } from './profile.ts';
import type { StageAlone } from './stage-alone.ts';
import { stageAlone } from './stage-alone.ts';

export interface StageCache extends SectionCache {
  /** By all that a stage's own work depends on. */
  readonly stages: Map<string, StageAlone>;
  /** What the stages of a pipeline hold, by its shape. */
  readonly compositions: Map<string, readonly string[]>;
}

/** A context may be that of another stage that is like this one: only its place differs. */
export interface TimedStage {
  readonly stage: number;
  readonly alone: StageAlone;
  readonly context: DeviceContext;
}

/** The first rank of a stage stands for all of it. */
const firstRank = (layout: Layout, stage: number): Rank => rank(stage * stageSize(layout));

export const timedStages = (job: Job, machine: Machine, cache: StageCache): readonly TimedStage[] => {
  const { layout } = job;
  const compositions = compositionsOf(job, cache);
  const common = liesAlike(layout, machine.scaleUpDomain) ? fabricAt(layout, 0, machine) : null;
  const known = new Map<string, StageAlone>();
  return compositions.map((composition, stage) => {
    const { layer, states } = common ?? fabricAt(layout, stage, machine);
    const kind = `${composition}|${layer}|${states}`;
    let alone = known.get(kind);
    if (alone === undefined)
      known.set(kind, (alone = aloneAt(job, stage, { machine, cache, composition, layer, states })));
    return { stage, alone, context: alone.context };
  });
};

const fabricAt = (layout: Layout, stage: number, { scaleUpDomain }: Machine): { layer: string; states: string } => {
  const place = placeOf(layout, firstRank(layout, stage));
  return {
    layer: layerFabric(layerGroups(layout, place), scaleUpDomain),
    states: stateFabric(stateGroups(layout, place), scaleUpDomain),
  };
};

interface Circumstances {
  readonly machine: Machine;
  readonly cache: StageCache;
  readonly composition: string;
  readonly layer: string;
  readonly states: string;
}

/** From the cache, or timed now: with four microbatches there is one of each kind. */
const aloneAt = (
  job: Job,
  stage: number,
  { machine, cache, composition, layer, states }: Circumstances,
): StageAlone => {
  const { schedule, pp, dp, zero, replicas, vp } = job.layout;
  const half = schedule === 'dualpipe' ? 2 : 1;
  const microbatches = Math.min(4, microbatchesOf(job) / half);
  const rest = [schedule, pp, vp, dp, zero, replicas, microbatches, job.offload.optimizer, recomputedLayers(job)].join(
    ' ',
  );
  const key = `${circumstances(job, layer)}|${states}|${composition}|${rest}`;
  let alone = cache.stages.get(key);
  if (alone === undefined) {
    const context = deviceContext(job, firstRank(job.layout, stage));
    cache.stages.set(key, (alone = stageAlone(context, machine, profilesFor(cache, job, layer))));
  }
  return alone;
};

const recomputedLayers = ({ recompute }: Job): string => (recompute.kind === 'full' ? String(recompute.layers) : '');

/** What each stage holds, in words, and which of its neighbours are itself. */
const compositionsOf = ({ model, layout }: Job, { compositions }: StageCache): readonly string[] => {
  const { pp, vp, schedule, firstLayers, lastLayers } = layout;
  const key = `${pp} ${vp} ${schedule} ${firstLayers} ${lastLayers}`;
  let known = compositions.get(key);
  if (known === undefined) {
    const byPosition = chunksByPosition(model, layout);
    known = Array.from({ length: pp }, (_, stage) =>
      Array.from({ length: vp }, (_, chunk) => {
        const place = { stage, chunk };
        const local = ([-1, 1] as const).map((step) => neighbourOf(layout, place, step)?.stage === stage);
        return `${wordsOf(byPosition[positionAt(layout, place)]!)} ${local.join(' ')}`;
      }).join(', '),
    );
    compositions.set(key, known);
  }
  return known;
};

/** `embedding 4 layer head` */
const wordsOf = (chunk: Chunk): string => {
  const words: string[] = [];
  let count = 0;
  const names = unitsOf(chunk).map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    count++;
    if (names[index + 1] === name) continue;
    words.push(`${count} ${name}`);
    count = 0;
  }
  return words.join(' ');
};
