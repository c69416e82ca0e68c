/** What plans and simulations know but real runs do not do yet: each under its key, with what is nearest to it. */
import type { Finding } from '../../scenario/complaint.ts';
import type { Job, Precision } from '../../scenario/job.ts';

/** What stands in the way of a real run of the job; nothing does when the list is empty. */
export const unsupported = (job: Job): readonly Finding[] =>
  REFUSALS.map((refusal) => refusal(job)).filter((one) => one !== null);

type Refusal = (job: Job) => Finding | null;

const finding = (path: string, message: string, suggestion: string | null = null): Finding => ({
  path,
  message,
  suggestion,
});

const COMPUTED: readonly Precision[] = ['fp32', 'bf16', 'fp16'];

const precision: Refusal = ({ precision: asked }) =>
  COMPUTED.includes(asked) ? null : finding('precision', `${asked} is not computed yet`, 'bf16');
const attention: Refusal = ({ software }) =>
  software.attention === 'flash'
    ? null
    : finding('software.attention', 'unfused is not computed; flash gives the same numbers', 'flash');
const offload: Refusal = ({ offload: asked }) =>
  asked.optimizer === 'none'
    ? null
    : finding(
        'memory.offload.optimizer',
        'dram is not done yet; none keeps the states where all the memory of this machine is',
        'none',
      );
const offloadedActivations: Refusal = ({ offload: asked }) =>
  asked.activations === 0
    ? null
    : finding(
        'memory.offload.activations',
        `${asked.activations} moves nothing in a real run yet; 0 keeps them where all the memory of this machine is`,
        '0',
      );
const latent: Refusal = ({ model }) =>
  model.latent === null
    ? null
    : finding('model.latent', 'latent attention is not computed yet; kvHeads below heads is');
const predictors: Refusal = ({ model }) =>
  model.predictors === 0
    ? null
    : finding('model.predictors', `${model.predictors} are not computed yet; 0 trains the model itself`, '0');
const position: Refusal = ({ model }) =>
  model.position === 'alibi'
    ? finding('model.position', 'alibi is not computed yet; rope, learned and none are', 'rope')
    : null;
/** A model that does not say has dropout, as GPT-3 had. */
const dropout: Refusal = ({ model }) =>
  model.dropout
    ? finding('model.dropout', 'true, as where a model does not say, is not computed yet; set model.dropout: false')
    : null;
const sinks: Refusal = ({ model, layout: { cp, contextKind } }) =>
  model.sinks && cp > 1 && contextKind === 'ring'
    ? finding(
        'layout.cp',
        'of kind ring is not computed yet for a model with sinks; all-to-all is',
        `{size: ${cp}, kind: all-to-all}`,
      )
    : null;
const qkNorm: Refusal = ({ model, layout: { tp } }) =>
  model.qkNorm === 'all' && tp > 1
    ? finding('layout.tp', `${tp} is not computed yet for a model with qkNorm all; with qkNorm head it is`, '1')
    : null;
const sharedGate: Refusal = ({ model }) =>
  model.experts?.sharedGate === true
    ? finding(
        'model.experts.sharedGate',
        'true is not computed yet; without a gate the shared expert counts in full',
        'false',
      )
    : null;
const expertBias: Refusal = ({ model }) =>
  model.experts?.bias === true
    ? finding('model.experts.bias', 'true is not computed yet; experts without biases are', 'false')
    : null;
const headBias: Refusal = ({ model }) =>
  model.bias.head ? finding('model.bias.head', 'true is not computed yet; a head without a bias is', 'false') : null;
const postNorms: Refusal = ({ model }) =>
  model.postNorms && (model.bias.attentionOut || model.bias.mlp)
    ? finding(
        'model.postNorms',
        'true with biases in front of them is not computed yet; without bias.attentionOut and bias.mlp it is',
      )
    : null;

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
