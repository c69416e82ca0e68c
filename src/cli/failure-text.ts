/** Who failed and of what, in a line: the supervisor is a rank to the threads, and none to a user who counts devices. */
import { supervisorOf } from '../actors/device.ts';
import type { RankFailure } from '../exec/launch.ts';
import type { Job } from '../scenario/job.ts';

export const failureText = (
  { rank, reason, message }: Pick<RankFailure, 'rank' | 'reason' | 'message'>,
  job: Pick<Job, 'devices'>,
): string => (rank === supervisorOf(job) ? `the supervisor: ${reason}` : message);
