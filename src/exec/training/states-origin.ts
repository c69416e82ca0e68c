/** Where a rank's states come from before the first step. */
import type { ShareRun, State } from '../../effects/share.ts';
import type { Model } from '../../scenario/model.ts';
import { initialise } from '../checkpoint/initial-values.ts';
import type { StatesSource } from '../checkpoint/reader.ts';
import { CheckpointReader } from '../checkpoint/reader.ts';
import { localDisk } from '../checkpoint/disk.ts';
import { PublishedWeights } from '../hugging-face/import.ts';
import type { Origin } from './order.ts';

export const sourceOf = (origin: Origin, model: Model): StatesSource => {
  switch (origin.kind) {
    case 'seed':
      return new InitialValues(origin.seed);
    case 'checkpoint':
      return new CheckpointReader(localDisk, origin.path);
    case 'published':
      return new PublishedWeights(localDisk, origin.path, model);
    default:
      return origin satisfies never;
  }
};

/** A model that nobody has trained: weights drawn by the seed, moments of zero. */
export class InitialValues implements StatesSource {
  readonly #seed: number;
  constructor(seed: number) {
    this.#seed = seed;
  }
  read(state: State, run: ShareRun, into: Float32Array): void {
    if (state === 'weight' || state === 'master') initialise(run, this.#seed, into);
    else into.fill(0);
  }
  close(): void {}
}
