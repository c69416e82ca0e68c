/** What plans and simulations know but real runs do not do yet: each a sentence for whoever asked. */
import type { Job, Precision } from '../../scenario/job.ts';

/** What stands in the way of a real run of the job; nothing does when the list is empty. */
export const unsupported = (job: Job): readonly string[] =>
  REFUSALS.map((refusal) => refusal(job)).filter((one) => one !== null);

type Refusal = (job: Job) => string | null;

const COMPUTED: readonly Precision[] = ['fp32', 'bf16', 'fp16'];

const precision: Refusal = ({ precision: asked }) =>
  COMPUTED.includes(asked) ? null : `precision ${asked} is not computed yet; bf16 is the nearest that is`;
const attention: Refusal = ({ software }) =>
  software.attention === 'flash' ? null : 'software.attention unfused is not computed; flash gives the same numbers';
const offload: Refusal = ({ offload: asked }) =>
  asked.optimizer === 'none'
    ? null
    : 'memory.offload.optimizer dram is not done yet; none keeps the states where all the memory of this machine is';
const latent: Refusal = ({ model }) =>
  model.latent === null ? null : 'latent attention (model.latent) is not computed yet; kvHeads below heads is';
const predictors: Refusal = ({ model }) =>
  model.predictors === 0
    ? null
    : `predictors ${model.predictors} are not computed yet; predictors 0 trains the model itself`;
const position: Refusal = ({ model }) =>
  model.position === 'alibi' ? 'position alibi is not computed yet; rope, learned and none are' : null;
const dropout: Refusal = ({ model }) =>
  model.dropout ? 'dropout true is not computed yet; with dropout false nothing is dropped' : null;
const sinks: Refusal = ({ model, layout: { cp, contextKind } }) =>
  model.sinks && cp > 1 && contextKind === 'ring'
    ? 'sinks true with layout.cp of kind ring is not computed yet; kind all-to-all is'
    : null;
const qkNorm: Refusal = ({ model, layout: { tp } }) =>
  model.qkNorm === 'all' && tp > 1
    ? `qkNorm all with layout.tp ${tp} is not computed yet; it is with tp 1, and qkNorm head is with any`
    : null;
const sharedGate: Refusal = ({ model }) =>
  model.experts?.sharedGate === true
    ? 'experts.sharedGate true is not computed yet; without a gate the shared expert counts in full'
    : null;
const expertBias: Refusal = ({ model }) =>
  model.experts?.bias === true ? 'experts.bias true is not computed yet; experts without biases are' : null;

const headBias: Refusal = ({ model }) =>
  model.bias.head ? 'bias.head true is not computed yet; a head without a bias is' : null;
const postNorms: Refusal = ({ model }) =>
  model.postNorms && (model.bias.attentionOut || model.bias.mlp)
    ? 'postNorms true with biases in front of them is not computed yet; without bias.attentionOut and bias.mlp it is'
    : null;
const offloadedActivations: Refusal = ({ offload: asked }) =>
  asked.activations === 0
    ? null
    : 'memory.offload.activations moves nothing in a real run yet; 0 keeps them where all the memory of this machine is';

const REFUSALS: readonly Refusal[] = [
  precision,
  attention,
  offload,
  latent,
  predictors,
  position,
  dropout,
  sinks,
  qkNorm,
  sharedGate,
  expertBias,
  headBias,
  postNorms,
  offloadedActivations,
];
