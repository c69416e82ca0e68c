/** The thread of a rank that trains, or of the job's supervisor: what it is cast for, and with what. */
import { cast } from '../../actors/cast.ts';
import { supervisorOf } from '../../actors/device.ts';
import { microbatchesOf } from '../../scenario/job.ts';
import { localDisk } from '../checkpoint/disk.ts';
import type { Progress } from '../checkpoint/manifest.ts';
import type { Corpus } from '../data/corpus.ts';
import type { Cast, Part } from '../rank-thread.ts';
import { playRank } from '../rank-thread.ts';
import { backendOf } from './backend-of.ts';
import { refuseDivergence } from './divergence.ts';
import type { RankReport } from './observation.ts';
import type { TrainingOrder } from './order.ts';
import { sourceOf } from './states-origin.ts';
import type { TrainingSurroundings } from './training-services.ts';
import { trainingServices } from './training-services.ts';

/** What a checkpoint says of how far the run is. */
const progressAt = ({ job, saving }: TrainingOrder, step: number): Progress => ({
  step,
  model: { ...job.model },
  layout: { ...job.layout },
  precision: job.precision,
  seed: job.training.seed,
  tokenizer: saving?.tokenizer ?? '',
  sequence: step * microbatchesOf(job) * job.layout.microbatch * job.layout.dp,
  draws: {},
});

const savingOf = (order: TrainingOrder, onSaved: (step: number) => void): TrainingSurroundings['saving'] => {
  const { saving, job } = order;
  return saving === null
    ? null
    : {
        folder: { disk: localDisk, path: saving.folder, run: saving.run },
        ranks: job.devices,
        keep: saving.keep,
        progressAt: (step) => progressAt(order, step),
        onSaved,
      };
};

const castTraining = ({ rank, job: order, shared, arena, now, isAskedToEnd, report }: Part<TrainingOrder>): Cast => {
  const { job, itinerary, kernels, isTimed } = order;
  const isSupervisor = rank === supervisorOf(job);
  const { backend, profile } = backendOf(isSupervisor ? 'wasm' : kernels, arena, isTimed && !isSupervisor);
  const source = sourceOf(order.origin, job.model);
  const tell = (message: RankReport): void => report(message);
  if (!isSupervisor) tell({ kind: 'backend', name: backend.name });
  const services = trainingServices({
    rank,
    arena,
    now,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `train` shares a corpus and nothing else
    corpus: shared as Corpus,
    source,
    saving: savingOf(order, (step) => tell({ kind: 'saved', step })),
    onObservation: (observation) => {
      refuseDivergence(job, observation);
      tell({ kind: 'observed', observation });
      return isAskedToEnd() ? 'stop' : 'go on';
    },
  });
  const program = (function* () {
    yield* cast(job, rank, itinerary);
    source.close();
    return profile;
  })();
  return { program, backend, services };
};

await playRank<TrainingOrder>(castTraining);
