/** What a training framework does when a row does not say: attention, overlap, ZeRO, sequence parallelism, fp8 recipe. */
import type { Precision, Software, ZeroStage } from '../scenario/job.ts';
import type { Row } from './row.ts';

export interface Habits {
  readonly name: string;
  readonly attention: Software['attention'];
  /** Gradient reduction and parameter gathering run beside compute. */
  readonly overlap: boolean;
  readonly zero: ZeroStage;
  /** Of layouts with tensor parallelism. */
  readonly sequenceParallel: boolean;
  /** What a bare `fp8` means. */
  readonly fp8: Precision;
  /** What a printed memory counts: the tensors alive, or all that the framework holds of the card. */
  readonly memory: 'allocated' | 'reserved';
}

interface Rule extends Habits {
  readonly framework: RegExp;
  /** Only on these cards: a framework of long life changed with the cards it ran on. */
  readonly cards: RegExp;
}

const modern = {
  attention: 'flash',
  overlap: true,
  zero: 1,
  sequenceParallel: true,
  fp8: 'fp8-delayed',
  memory: 'reserved',
} as const;
const any = /./;

/**
 * The first rule that matches holds. Megatron-LM trained with unfused attention and without overlap up to the A100
 * generation (Korthikanti et al. 2022; the activation bytes of Qi et al. 2024 fit nothing else) and so did what was
 * forked from it then; flash attention and the distributed optimizer are its habit since Hopper.
 */
const RULES: readonly Rule[] = [
  {
    ...modern,
    name: 'DeepSpeed ZeRO-3',
    framework: /ZeRO-3|ZeRO-Infinity|ZeRO-Offload|^DeepSpeed|BMTrain|metaseq/,
    cards: any,
    attention: 'unfused',
    zero: 3,
    sequenceParallel: false,
  },
  { ...modern, name: 'FSDP', framework: /FSDP|llm-foundry|torchtitan/, cards: any, zero: 3, fp8: 'fp8-current' },
  { ...modern, name: 'JAX', framework: /MaxText|Paxml|T5X/, cards: any, zero: 3 },
  { ...modern, name: 'GPT-NeoX', framework: /^GPT-NeoX$/, cards: any, sequenceParallel: false, overlap: false },
  {
    ...modern,
    name: 'Megatron-DeepSpeed',
    framework: /Megatron-DeepSpeed|GPT-NeoX/,
    cards: any,
    attention: 'unfused',
    overlap: false,
    sequenceParallel: false,
  },
  {
    ...modern,
    name: 'Megatron-LM before Hopper',
    framework: /Megatron-LM/,
    cards: /V100|A100|A800/,
    attention: 'unfused',
    overlap: false,
    zero: 0,
    sequenceParallel: false,
    memory: 'allocated',
  },
  // DeepSeek-V3 (arXiv 2412.19437), section 3.3.2: tiles of 1 x 128 and blocks of 128 x 128.
  { ...modern, name: 'HAI-LLM', framework: /^HAI-LLM/, cards: any, fp8: 'fp8-block' },
  { ...modern, name: 'ColossalAI', framework: /ColossalAI/, cards: any, memory: 'allocated' },
  { ...modern, name: 'Megatron-Core', framework: /NeMo|Megatron|MCore|Primus/, cards: any },
];

const FALLBACK: Habits = { ...modern, name: 'a framework of 2023 or later' };

export const habitsOf = ({ framework, hw }: Row): Habits =>
  RULES.find((rule) => rule.framework.test(framework ?? '') && rule.cards.test(hw.gpu ?? '')) ?? FALLBACK;

/** Unfused attention keeps a score of every pair of tokens: beyond this length nobody trains with it. */
const UNFUSED_SEQUENCE_MAX = 4_096;

export const attentionOf = (row: Row, sequence: number): Software['attention'] =>
  sequence > UNFUSED_SEQUENCE_MAX ? 'flash' : habitsOf(row).attention;
