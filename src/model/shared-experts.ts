/** Experts that every row goes to: an MLP split over the tensor ranks, weighed by a gate where the model has one. */
import { compute, release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { activation, forwardOnly, releaseAfterWeights, scratch, unquantised, unsplit, weightOf } from './context.ts';
import { layOut } from './laying-out.ts';
import { columnBackward, columnForward } from './projection.ts';
import { addInto } from './residual.ts';
import type { Mlp, MlpSaved } from './split-mlp.ts';
import { mlpTensors, splitMlpDown, splitMlpForward, splitMlpUp } from './split-mlp.ts';

/** A gate's logit a row, and what it weighs. */
interface Gate {
  readonly logits: Tensor;
  readonly output: Tensor;
}
interface Kept {
  readonly mlp: MlpSaved;
  readonly gate: Gate | null;
}
/** Null when all of it is computed again. */
export interface SharedSaved {
  readonly kept: Kept | null;
}
export const sharedTensors = ({ kept }: SharedSaved): readonly Tensor[] =>
  kept === null ? [] : [...mlpTensors(kept.mlp), ...(kept.gate === null ? [] : [kept.gate.logits, kept.gate.output])];

const mlpOf = ({ job }: LayerContext, weights: UnitWeights): Mlp => ({
  weights,
  name: 'shared',
  width: job.model.experts!.sharedFfn / job.layout.tp,
});
/** Every tensor rank works the gate of its own rows out. */
const gateContext = (context: LayerContext): LayerContext => unquantised(unsplit(context));

interface Asked {
  readonly weights: UnitWeights;
  readonly normalised: Tensor;
}

function* run(context: LayerContext, { weights, normalised }: Asked): Program<{ output: Tensor; kept: Kept }> {
  const { sharedGate } = context.job.model.experts!;
  const allocated = sharedGate ? activation : scratch;
  const asked = { normalised, dropsActivated: false, allocated };
  const { output, saved: mlp } = yield* splitMlpForward(context, mlpOf(context, weights), asked);
  if (!sharedGate) return { output, kept: { mlp, gate: null } };
  const weight = weightOf(weights, 'shared gate').value;
  const logits = yield* columnForward(gateContext(context), normalised, { weight, bias: null, width: 1 });
  const weighed = yield* scratch(context, output.shape);
  const written = elementsOf(output);
  const read = written + elementsOf(logits);
  const dtype = context.formats.activation;
  yield* compute(layOut(dtype, { read, written, runs: [] }), [output, logits], [weighed]);
  return { output: weighed, kept: { mlp, gate: { logits, output } } };
}

/** normalised [rows, h] -> output [rows, h], scratch. */
export function* sharedForward(
  context: LayerContext,
  { isDropped, ...asked }: Asked & { isDropped: boolean },
): Program<{ output: Tensor; saved: SharedSaved }> {
  const { output, kept } = yield* run(context, asked);
  if (!isDropped) return { output, saved: { kept } };
  for (const { block } of sharedTensors({ kept })) yield* release(block);
  return { output, saved: { kept: null } };
}

/** gradient of the output, which stays -> gradient of the normalised, scratch; gives up what was saved. */
export function* sharedBackward(
  context: LayerContext,
  { saved, gradient, ...asked }: Asked & { saved: SharedSaved; gradient: Tensor },
): Program<Tensor> {
  const kept =
    saved.kept ??
    (yield* section('recompute shared experts', () => again(forwardOnly(context), asked), { term: 'recompute' }));
  const { weights, normalised } = asked;
  const mlp = mlpOf(context, weights);
  const gated = kept.gate === null ? null : yield* gateBackward(context, kept.gate, gradient);
  const toOutput = gated?.toOutput ?? gradient;
  const toActivated = yield* splitMlpDown(context, mlp, { saved: kept.mlp, gradient: toOutput });
  if (gated !== null) yield* releaseAfterWeights(context, toOutput);
  // oxlint-disable-next-line require-yield -- the input is there already
  const present = function* (): Program<Tensor> {
    return normalised;
  };
  const result = yield* splitMlpUp(context, mlp, { up: kept.mlp.up, toActivated, normalised: present });
  if (gated === null) return result;
  const weight = weightOf(weights, 'shared gate');
  const back = { input: normalised, gradients: [gated.toLogits], weight };
  const fromGate = yield* columnBackward(gateContext(context), back);
  yield* addInto(context, result, fromGate);
  yield* release(fromGate.block);
  return result;
}

/** The forward run for what backward needs; its output is not wanted. */
function* again(context: LayerContext, asked: Asked): Program<Kept> {
  const { output, kept } = yield* run(context, asked);
  yield* release(output.block);
  return kept;
}

function* gateBackward(
  context: LayerContext,
  { logits, output }: Gate,
  gradient: Tensor,
): Program<{ toOutput: Tensor; toLogits: Tensor }> {
  const [toOutput, toLogits] = [yield* scratch(context, output.shape), yield* scratch(context, logits.shape)];
  const written = elementsOf(toOutput) + elementsOf(toLogits);
  const read = written + elementsOf(gradient);
  const dtype = context.formats.activation;
  yield* compute(layOut(dtype, { read, written, runs: [] }), [output, logits, gradient], [toOutput, toLogits]);
  for (const { block } of [output, logits]) yield* release(block);
  return { toOutput, toLogits };
}
