/** Gives every rank of a job its program: the one line that is the same in both worlds. */
import type { Program } from '../effects/effect.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { runDevice, supervisorOf } from './device.ts';
import { deviceContext } from './device-context.ts';
import type { Itinerary } from './itinerary.ts';
import { ONE_STEP } from './itinerary.ts';
import { superviseJob } from './job-supervisor.ts';

export const cast = (job: Job, self: Rank, itinerary: Itinerary = ONE_STEP): Program<void> =>
  self === supervisorOf(job) ? superviseJob(job, itinerary) : runDevice(deviceContext(job, self), itinerary);
