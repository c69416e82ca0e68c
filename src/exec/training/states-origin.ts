/** Where a rank's states come from before the first step. */
import { NORM_EPSILON } from '../../model/residual.ts';
import { ROPE_BASE } from '../../model/rotary.ts';
import type { Model } from '../../scenario/model.ts';
import { initialStates } from '../checkpoint/held-states.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import { CheckpointReader } from '../checkpoint/reader.ts';
import { localDisk } from '../checkpoint/disk.ts';
import type { Constants } from '../hugging-face/family.ts';
import { PublishedWeights } from '../hugging-face/import.ts';
import type { Origin } from './order.ts';

/** What our arithmetic has in common with that of published models, or they are refused. */
export const CONSTANTS: Constants = { normEpsilon: NORM_EPSILON, ropeBase: ROPE_BASE };

export const sourceOf = (origin: Origin, model: Model): StatesSource => {
  switch (origin.kind) {
    case 'seed':
      return initialStates(origin.seed);
    case 'checkpoint':
      return new CheckpointReader(localDisk, origin.path);
    case 'published':
      return new PublishedWeights(localDisk, origin.path, model);
    default:
      return origin satisfies never;
  }
};
