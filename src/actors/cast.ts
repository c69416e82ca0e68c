/** Gives every rank of a job its program: the one line that is the same in both worlds. */
import type { Program } from '../effects/effect.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { runDevice, supervisorOf } from './device.ts';
import { deviceContext } from './device-context.ts';
import type { Itinerary } from './itinerary.ts';
import { ONE_STEP } from './itinerary.ts';
import { superviseJob } from './job-supervisor.ts';
import type { Schedule } from './schedules/pass-order.ts';

/** A `schedule` given here runs in place of the one that the layout names, whose chunks it must place alike. */
export const cast = (job: Job, self: Rank, itinerary: Itinerary = ONE_STEP, schedule?: Schedule): Program<void> =>
  self === supervisorOf(job) ? superviseJob(job, itinerary) : runDevice(deviceContext(job, self, schedule), itinerary);
