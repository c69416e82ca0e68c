/** A mixture of experts as it is defined, token by token in float64: what every layout of it is held to. */
import type { Job } from '../../src/scenario/job.ts';
import { positions } from './collective-case.ts';

type Numbers = ArrayLike<number>;
export interface PlainInput {
  /** [sequences, tokens, hidden] */
  readonly input: Numbers;
  readonly weights: ReadonlyMap<string, Numbers>;
}
export interface PlainOutput {
  readonly output: Float64Array;
  /** The mean over the sequences of the loss that balances the experts. */
  readonly balance: number;
  /** For each token of each sequence the experts that it goes to. */
  readonly chosen: readonly (readonly (readonly number[])[])[];
}

export const plainMixture = (job: Job, { input, weights }: PlainInput): PlainOutput => {
  const { workload, model, training } = job;
  const { sequence, globalBatch } = workload;
  const h = model.hidden;
  const { count, active } = model.experts!;
  const output = new Float64Array(input.length);
  let balance = 0;
  const chosen = positions(globalBatch).map((index) => {
    const tokens = positions(sequence).map((token) => rowAt(input, index * sequence + token, h));
    const scores = tokens.map((x) => product(x, weights.get('router')!, count));
    const choices = scores.map((of) => best(of, active));
    const [often, likely] = [new Array<number>(count).fill(0), new Array<number>(count).fill(0)];
    const goesTo = tokens.map((x, token) => {
      const own = softmax(choices[token]!.map((expert) => scores[token]![expert]!));
      const all = softmax(scores[token]!);
      for (const expert of positions(count)) likely[expert]! += all[expert]! / sequence;
      const kept = choices[token]!.filter((expert) => often[expert]! < capacityOf(job));
      for (const [choice, expert] of choices[token]!.entries()) {
        if (kept.includes(expert))
          addTo(output, index * sequence + token, mlp(job, weights, { x, name: `experts.${expert}.` }), own[choice]!);
        often[expert]! += 1;
      }
      if (model.experts!.sharedFfn > 0)
        addTo(output, index * sequence + token, mlp(job, weights, { x, name: 'shared ' }), 1);
      return kept;
    });
    const agreement = positions(count).reduce(
      (sum, expert) => sum + (often[expert]! / (sequence * active)) * likely[expert]!,
      0,
    );
    balance += (training.auxiliaryLoss * count * agreement) / globalBatch;
    return goesTo;
  });
  return { output, balance, chosen };
};

const capacityOf = ({ software, workload, model }: Job): number =>
  software.expertCapacity === null
    ? Infinity
    : Math.ceil((software.expertCapacity * workload.sequence * model.experts!.active) / model.experts!.count);

const rowAt = (matrix: Numbers, row: number, width: number): number[] =>
  positions(width).map((column) => matrix[row * width + column]!);
const product = (x: readonly number[], matrix: Numbers, width: number): number[] =>
  positions(width).map((column) => x.reduce((sum, one, row) => sum + one * matrix[row * width + column]!, 0));
const addTo = (output: Float64Array, row: number, x: readonly number[], weight: number): void => {
  for (const [column, one] of x.entries()) output[row * x.length + column]! += weight * one;
};
const softmax = (scores: readonly number[]): number[] => {
  const sum = scores.reduce((total, one) => total + Math.exp(one), 0);
  return scores.map((one) => Math.exp(one) / sum);
};
/** The largest first, of equal ones the first. */
const best = (scores: readonly number[], active: number): number[] =>
  positions(scores.length)
    .toSorted((one, other) => scores[other]! - scores[one]! || one - other)
    .slice(0, active);

/** silu(x gate) times x up, then down. */
const mlp = (
  { model }: Job,
  weights: PlainInput['weights'],
  { x, name }: { x: readonly number[]; name: string },
): number[] => {
  const up = weights.get(`${name}up`)!;
  const width = up.length / (2 * x.length);
  const both = product(x, up, 2 * width);
  const inner = positions(width).map((column) => {
    const gate = both[column]!;
    return (gate / (1 + Math.exp(-gate))) * both[width + column]!;
  });
  return product(inner, weights.get(`${name}down`)!, model.hidden);
};
