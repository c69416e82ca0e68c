/** What came of a run, gathered for the report of it. */
import { join } from 'node:path';
import type { JobEnd } from '../exec/training/run-job.ts';
import type { TrainedRank } from '../exec/training/train.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { RankSummary, RunSummary } from '../report/run-text.ts';
import { parameterCount } from '../scenario/parameters.ts';
import { bytes, seconds } from '../units/quantity.ts';
import type { Diary } from './run-diary.ts';
import { RECORD_FILES } from './run-record.ts';
import type { Setup } from './run-setup.ts';
import type { Start } from './run-start.ts';

interface Ended {
  readonly start: Start;
  readonly end: JobEnd;
  readonly diary: Diary;
  readonly milliseconds: number;
}

export const summaryOf = (
  { title, job, folder, saving }: Setup,
  { start, end, diary, milliseconds }: Ended,
): RunSummary => ({
  title,
  job,
  parameters: parameterCount(job.model),
  backend: diary.backend,
  isComplete: end.isComplete,
  first: start.first,
  last: end.step,
  elapsed: seconds(milliseconds / 1e3),
  rows: diary.rows,
  recoveries: diary.recoveries,
  ranks: end.trained.ranks.map(rankSummary),
  folder,
  files: RECORD_FILES.map((name) => join(folder, name)),
  checkpoints: saving?.folder ?? null,
});

const rankSummary = ({ memory, arenaPeak, phases }: TrainedRank): RankSummary => ({
  allocated: bytes(memory.peak - bodiless(memory)),
  held: bytes(arenaPeak),
  phases,
});

/** What stands for memory that the runtime takes beside tensors is in the books, and is allocated by nobody here. */
const bodiless = ({ peakByPurpose }: MemoryDelta): number =>
  peakByPurpose[PURPOSES.indexOf('framework')]! + peakByPurpose[PURPOSES.indexOf('allocator')]!;
