/** The thread of a rank that trains, or of the job's supervisor: what it is cast for, and with what. */
import { cast } from '../../actors/cast.ts';
import { supervisorOf } from '../../actors/device.ts';
import { bytes } from '../../units/quantity.ts';
import { localDisk } from '../checkpoint/disk.ts';
import { settingsOf } from '../checkpoint/settings.ts';
import type { Corpus } from '../data/corpus.ts';
import type { Cast, Part } from '../rank-thread.ts';
import { playRank } from '../rank-thread.ts';
import { Timesheet } from '../timesheet.ts';
import { backendOf } from './backend-of.ts';
import { divergenceWatch } from './divergence.ts';
import type { RankMemory, RankReport } from './observation.ts';
import type { TrainingOrder } from './order.ts';
import { sourceOf } from './states-origin.ts';
import type { TrainingSurroundings } from './training-services.ts';
import { trainingServices } from './training-services.ts';

const savingOf = (order: TrainingOrder, onSaved: (step: number) => void): TrainingSurroundings['saving'] => {
  const { saving, job } = order;
  if (saving === null) return null;
  const settings = settingsOf(job, saving.data);
  return {
    folder: { disk: localDisk, path: saving.folder, run: saving.run },
    ranks: job.devices,
    keep: saving.keep,
    progressAt: (step) => ({ ...settings, step, sequence: step * settings.batch }),
    onSaved,
  };
};

const castTraining = ({ rank, job: order, shared, arena, now, isAskedToEnd, report }: Part<TrainingOrder>): Cast => {
  const { job, itinerary, kernels, isTimed } = order;
  const isSupervisor = rank === supervisorOf(job);
  const backend = backendOf(isSupervisor ? 'wasm' : kernels, arena);
  const source = sourceOf(order.origin, job.model);
  const tell = (message: RankReport): void => report(message);
  if (!isSupervisor) tell({ kind: 'backend', name: backend.name });
  const memory = (): RankMemory => ({ held: bytes(arena.held), peak: bytes(arena.peak) });
  const timesheet =
    isTimed && !isSupervisor
      ? new Timesheet(now, (phases) => tell({ kind: 'spent', spending: { phases, memory: memory() } }))
      : null;
  const refuseDivergence = divergenceWatch(job);
  const services = trainingServices({
    rank,
    arena,
    now,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `train` shares a corpus and nothing else
    corpus: shared as Corpus,
    source,
    saving: savingOf(order, (step) => tell({ kind: 'saved', step })),
    onObservation: (observation) => {
      refuseDivergence(observation);
      tell({ kind: 'observed', observation });
      return isAskedToEnd() ? 'stop' : 'go on';
    },
  });
  const program = (function* () {
    yield* cast(job, rank, itinerary);
    source.close();
    return timesheet?.phases ?? null;
  })();
  return { program, backend, services, timesheet };
};

await playRank<TrainingOrder>(castTraining);
