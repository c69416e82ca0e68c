/** From a step time to what its payer asks: tokens a day, days, dollars, energy, utilisation, headroom. */
import { modelFlops } from '../model/flops.ts';
import { FORMATS } from '../model/precision.ts';
import type { Job } from '../scenario/job.ts';
import { drawnPower, hourlyPrice } from '../scenario/price.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import { peakOf } from '../sim/machine.ts';
import { dollars, joules, minus, seconds } from '../units/quantity.ts';
import type { Candidate, Outlook, Utilisation } from './plan.ts';

const SECONDS_A_DAY = 86400;
const SECONDS_AN_HOUR = 3600;

export const candidateOf = (job: Job, evaluation: Evaluation): Candidate => ({
  job,
  evaluation,
  outlook: outlookOf(job, evaluation),
});

const outlookOf = (job: Job, evaluation: Evaluation): Outlook => {
  const { workload, devices } = job;
  const tokens = workload.globalBatch * workload.sequence;
  const tokensPerSecond = tokens / evaluation.step;
  return {
    tokensPerSecond,
    tokensPerDay: tokensPerSecond * SECONDS_A_DAY,
    tokensPerSecondPerDevice: tokensPerSecond / devices,
    utilisation: utilisationOf(job, evaluation),
    memory: memoryOf(job, evaluation),
    run: runOf(job, evaluation),
  };
};

const utilisationOf = (job: Job, { step, hardwareFlops }: Evaluation): Utilisation => {
  const { model, workload, devices } = job;
  const peak = peakOf(job, FORMATS[job.precision].peak);
  const available = peak.rate * devices * step;
  const share = (attention: Parameters<typeof modelFlops>[2]): number =>
    (workload.globalBatch * modelFlops(model, workload.sequence, attention)) / available;
  return {
    mfuFull: share('full'),
    mfuCausal: share('causal'),
    mfu6nd: share('none'),
    hfu: hardwareFlops / available,
    peakDtype: peak.dtype,
  };
};

const memoryOf = ({ cluster }: Job, { stages }: Evaluation): Outlook['memory'] => {
  const worst = stages.reduce((most, stage) => (stage.memory.total > most.memory.total ? stage : most));
  const capacity = cluster.accelerator.memory.value;
  const peak = worst.memory.total;
  return { stage: worst.stage, peak, capacity, headroom: minus(capacity, peak) };
};

/** The cards are taken to draw their rated power throughout; dollars are promised only at a price that was given. */
const runOf = ({ workload, cluster, devices }: Job, { step }: Evaluation): Outlook['run'] => {
  if (workload.tokens === null) return null;
  const steps = Math.ceil(workload.tokens / (workload.globalBatch * workload.sequence));
  const time = seconds(steps * step);
  const deviceHours = (time * devices) / SECONDS_AN_HOUR;
  const price = hourlyPrice(cluster);
  return {
    steps,
    time,
    days: time / SECONDS_A_DAY,
    deviceHours,
    dollars: price === null ? null : { low: dollars(deviceHours * price.low), high: dollars(deviceHours * price.high) },
    energy: joules(drawnPower(cluster) * devices * time),
  };
};

/** What a step costs at the middle of the price range; where no price is known, its device-hours, which order alike. */
export const priceOf = ({ job, evaluation }: Pick<Candidate, 'job' | 'evaluation'>): number =>
  evaluation.step * (secondlyPrice(job.cluster) * job.devices);

/** Of a device, for each second of a step, in dollars or in hours. */
export const secondlyPrice = (cluster: Job['cluster']): number => {
  const price = hourlyPrice(cluster);
  return (price === null ? 1 : (price.low + price.high) / 2) / SECONDS_AN_HOUR;
};
