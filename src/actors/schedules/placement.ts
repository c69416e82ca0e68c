/** Where the chunks of a model sit on the stages of a pipeline, and which microbatches go through them. */
import type { Layout, ScheduleName } from '../../scenario/job.ts';
import { positionCount } from '../../scenario/layer-split.ts';

/**
 * A position is a place along the data's way through the model. With p stages, chunk c of stage s is
 * `round`: at position c p + s;
 * `v`: down and up again, at s or 2 p - 1 - s, so that the last stage hands over to itself (Qi et al. 2024,
 * arXiv:2405.15362);
 * `mirrored`: at s or p - 1 - s: every position exists twice, and microbatches go both ways (DeepSeek-V3,
 * arXiv:2412.19437, section 3.2.1).
 */
export type Placement = 'round' | 'v' | 'mirrored';

export const placementOf = (schedule: ScheduleName): Placement =>
  schedule === 'zb-v' ? 'v' : schedule === 'dualpipe' ? 'mirrored' : 'round';

type Pipeline = Pick<Layout, 'pp' | 'vp' | 'schedule'>;

/** A model chunk of a stage by their numbers. */
export interface ChunkPlace {
  readonly stage: number;
  readonly chunk: number;
}

export const positionAt = ({ pp, schedule }: Pipeline, { stage, chunk }: ChunkPlace): number => {
  switch (placementOf(schedule)) {
    case 'round':
      return chunk * pp + stage;
    case 'v':
      return chunk === 0 ? stage : 2 * pp - 1 - stage;
    case 'mirrored':
      return chunk === 0 ? stage : pp - 1 - stage;
  }
};

/** Who holds a position; of two copies the one that the microbatches of chunk `lane` go through. */
export const placeAt = ({ pp, schedule }: Pipeline, position: number, lane: number): ChunkPlace => {
  switch (placementOf(schedule)) {
    case 'round':
      return { stage: position % pp, chunk: Math.floor(position / pp) };
    case 'v':
      return position < pp ? { stage: position, chunk: 0 } : { stage: 2 * pp - 1 - position, chunk: 1 };
    case 'mirrored':
      return { stage: lane === 0 ? position : pp - 1 - position, chunk: lane };
  }
};

/** The chunk `step` positions further on the way of the same microbatches; null beyond either end of the model. */
export const neighbourOf = (layout: Pipeline, place: ChunkPlace, step: 1 | -1): ChunkPlace | null => {
  const position = positionAt(layout, place) + step;
  return position < 0 || position >= positionCount(layout) ? null : placeAt(layout, position, place.chunk);
};

/** Microbatches `start` to `end` (excluded) go through the model chunk, in their order in every kind of pass. */
export interface MicrobatchRange {
  readonly start: number;
  readonly end: number;
}

/** All microbatches, or the half of them that goes the chunk's way. */
export const microbatchesThrough = (placement: Placement, chunk: number, microbatches: number): MicrobatchRange => {
  if (placement !== 'mirrored') return { start: 0, end: microbatches };
  const half = microbatches / 2;
  return chunk === 0 ? { start: 0, end: half } : { start: half, end: microbatches };
};
