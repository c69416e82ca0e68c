/**
 * The class of a job, by which error bands are kept: the generation of its card, the format of its matrix products, and
 * whether its model is dense or a mixture of experts.
 */
import type { Job, Precision } from '../scenario/job.ts';

/** Cards of one generation share their kernels and what those leave of the peak. */
const GENERATIONS: readonly (readonly [card: RegExp, generation: string])[] = [
  [/\bV100\b/, 'Volta'],
  [/\b(A100|A800)\b/, 'Ampere'],
  [/\b(H100|H800|H200|H20|GH200)\b/, 'Hopper'],
  [/\bG?B[23]00\b/, 'Blackwell'],
];

const FAMILIES: Readonly<Record<Precision, string>> = {
  fp32: 'fp32',
  bf16: '16 bits',
  fp16: '16 bits',
  'fp8-delayed': 'fp8',
  'fp8-current': 'fp8',
  'fp8-block': 'fp8',
  mxfp8: 'fp8',
  nvfp4: 'fp4',
};

/** `Hopper in fp8`, `Hopper in fp8 with experts`; a card of no known generation is a class of its own. */
export const jobClassOf = ({ cluster: { accelerator }, precision, model }: Job): string => {
  const generation = GENERATIONS.find(([card]) => card.test(accelerator.name))?.[1] ?? accelerator.name;
  return `${generation} in ${FAMILIES[precision]}${model.experts === null ? '' : ' with experts'}`;
};
