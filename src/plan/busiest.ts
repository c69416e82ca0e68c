/** The stage that speaks for a step: the one that waits least for the others, for it is what they wait for. */
import type { Evaluation, StageReport } from '../sim/evaluation.ts';

export const busiestOf = ({ stages }: Evaluation): StageReport =>
  stages.reduce((most, stage) => (stage.terms.bubble < most.terms.bubble ? stage : most));
