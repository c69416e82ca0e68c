/** What cannot be true at once of a real run, each finding at the key that is most likely wrong. */
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import { dataShape, trainShape } from './real-run-schema.ts';
import { workloadShape } from './scenario-schema.ts';
import { DEFAULT_TRAINING } from './training.ts';
import type { Tree } from './tree.ts';
import { nearestAt, readAt } from './tree.ts';

export const runContradictions = (tree: Tree): readonly Complaint[] => RULES.flatMap((rule) => rule(tree) ?? []);

type Rule = (tree: Tree) => Complaint | null;

const complain = (tree: Tree, path: string, message: string, suggestion: number | null = null): Complaint => ({
  ...complaintAt(nearestAt(tree, path.split('.')), message, {
    suggestion: suggestion === null ? null : String(suggestion),
  }),
  path,
});

const hasKey = (tree: Tree, path: string): boolean => nearestAt(tree, path.split('.')).path === path;

/** Steps that all tokens of the run take. */
const stepsOfTokens = (tree: Tree): number | null => {
  const tokens = readAt(workloadShape.tokens, tree, 'workload.tokens');
  const sequence = readAt(workloadShape.sequence, tree, 'workload.sequence');
  const globalBatch = readAt(workloadShape.globalBatch, tree, 'workload.globalBatch');
  return tokens === null || sequence === null || globalBatch === null
    ? null
    : Math.ceil(tokens / (sequence * globalBatch));
};

const stepsAgree: Rule = (tree) => {
  const steps = readAt(trainShape.steps, tree, 'train.steps');
  const wanted = stepsOfTokens(tree);
  if (steps === null || wanted === null || steps === wanted) return null;
  return complain(tree, 'train.steps', `${steps} steps are not the ${wanted} that workload.tokens take`, wanted);
};

/** Null when what they follow from is wrong. */
const stepsOfRun = (tree: Tree): number | null => {
  if (hasKey(tree, 'train.steps')) return readAt(trainShape.steps, tree, 'train.steps');
  return hasKey(tree, 'workload.tokens') ? stepsOfTokens(tree) : DEFAULT_TRAINING.steps;
};

const warmupFits: Rule = (tree) => {
  const warmup = readAt(trainShape.warmup, tree, 'train.warmup');
  const steps = stepsOfRun(tree);
  if (warmup === null || steps === null || warmup <= steps) return null;
  const message = `${warmup} steps are more than the ${steps} of the run`;
  return complain(tree, 'train.warmup', message, Math.floor(steps / 10));
};

const rateFalls: Rule = (tree) => {
  const least = readAt(trainShape.minimumLearningRate, tree, 'train.minimumLearningRate');
  const most = hasKey(tree, 'train.learningRate')
    ? readAt(trainShape.learningRate, tree, 'train.learningRate')
    : DEFAULT_TRAINING.learningRate;
  if (least === null || most === null || least <= most) return null;
  return complain(tree, 'train.minimumLearningRate', `${least} is above the learning rate of ${most}`);
};

const OF_ADAMW = ['beta1', 'beta2', 'epsilon', 'weightDecay'] as const;
const constantsAreRead: Rule = (tree) => {
  if (readAt(trainShape.optimizer, tree, 'train.optimizer') !== 'sgd') return null;
  const unread = OF_ADAMW.find((key) => hasKey(tree, `train.${key}`));
  return unread === undefined ? null : complain(tree, `train.${unread}`, 'is a constant of adamw; sgd has none');
};

const fieldIsRead: Rule = (tree) =>
  hasKey(tree, 'data.field') && !hasKey(tree, 'data.jsonl')
    ? complain(tree, 'data.field', 'is of lines of jsonl, and there is no data.jsonl')
    : null;

/** A share of nothing is a way to train on all that there is, but then nothing is left to validate on. */
const validationHasDocuments: Rule = (tree) => {
  if (readAt(dataShape.validation, tree, 'data.validation') !== 0) return null;
  if (readAt(trainShape.validation, tree, 'train.validation') === null && hasKey(tree, 'train.validation')) return null;
  return complain(
    tree,
    'data.validation',
    'keeps nothing to validate on; wanted more than 0, or train.validation: none',
  );
};

const RULES: readonly Rule[] = [
  stepsAgree,
  warmupFits,
  rateFalls,
  constantsAreRead,
  fieldIsRead,
  validationHasDocuments,
];
