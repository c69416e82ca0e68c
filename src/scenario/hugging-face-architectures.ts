/** The architectures whose config.json can be read: by `model_type`, by class, and within what reads images too. */
import { deepseekV2, deepseekV3 } from './hugging-face-deepseek.ts';
import { gemma, gemma2, gemma3 } from './hugging-face-gemma.ts';
import { gpt2, gptNeox } from './hugging-face-gpt.ts';
import { hunyuanLarge, hunyuanV1Dense, hunyuanV1Moe } from './hugging-face-hunyuan.ts';
import { llama, mistral, nemotron, olmo2, phi3, qwen2, qwen3 } from './hugging-face-llama.ts';
import { gptOss, mixtral, phimoe, qwen2Moe, qwen3Moe } from './hugging-face-mixture.ts';
import type { Architecture } from './hugging-face-settings.ts';

/** By `model_type`. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ['llama', llama],
  ['mistral', mistral],
  ['mixtral', mixtral],
  ['qwen2', qwen2],
  ['qwen2_moe', qwen2Moe],
  ['qwen3', qwen3],
  ['qwen3_moe', qwen3Moe],
  ['deepseek_v2', deepseekV2],
  ['deepseek_v3', deepseekV3],
  ['kimi_k2', deepseekV3],
  ['gpt_oss', gptOss],
  ['gemma', gemma],
  ['gemma2', gemma2],
  ['gemma3_text', gemma3],
  ['phi3', phi3],
  ['phimoe', phimoe],
  ['hunyuan', hunyuanLarge],
  ['hunyuan_v1_dense', hunyuanV1Dense],
  ['hunyuan_v1_moe', hunyuanV1Moe],
  ['nemotron', nemotron],
  ['olmo2', olmo2],
  ['gpt2', gpt2],
  ['gpt_neox', gptNeox],
]);

/** By the class that `architectures` names. */
export const CLASSES: ReadonlyMap<string, string> = new Map([
  ['LlamaForCausalLM', 'llama'],
  ['MistralForCausalLM', 'mistral'],
  ['MixtralForCausalLM', 'mixtral'],
  ['Qwen2ForCausalLM', 'qwen2'],
  ['Qwen2MoeForCausalLM', 'qwen2_moe'],
  ['Qwen3ForCausalLM', 'qwen3'],
  ['Qwen3MoeForCausalLM', 'qwen3_moe'],
  ['DeepseekV2ForCausalLM', 'deepseek_v2'],
  ['DeepseekV3ForCausalLM', 'deepseek_v3'],
  ['GptOssForCausalLM', 'gpt_oss'],
  ['GemmaForCausalLM', 'gemma'],
  ['Gemma2ForCausalLM', 'gemma2'],
  ['Gemma3ForCausalLM', 'gemma3_text'],
  ['Phi3ForCausalLM', 'phi3'],
  ['PhimoeForCausalLM', 'phimoe'],
  ['PhiMoEForCausalLM', 'phimoe'],
  ['HunYuanForCausalLM', 'hunyuan'],
  ['HunYuanMoEForCausalLM', 'hunyuan'],
  ['HunYuanDenseV1ForCausalLM', 'hunyuan_v1_dense'],
  ['HunYuanMoEV1ForCausalLM', 'hunyuan_v1_moe'],
  ['NemotronForCausalLM', 'nemotron'],
  ['Olmo2ForCausalLM', 'olmo2'],
  ['GPT2LMHeadModel', 'gpt2'],
  ['GPTNeoXForCausalLM', 'gpt_neox'],
]);

/** Models that read images too, and which architecture their `text_config` is of when it does not say. */
export const WRAPPERS: ReadonlyMap<string, string> = new Map([
  ['gemma3', 'gemma3_text'],
  ['mistral3', 'mistral'],
  ['llava', 'llama'],
]);
export const WRAPPER_CLASSES: ReadonlyMap<string, string> = new Map([
  ['Gemma3ForConditionalGeneration', 'gemma3'],
  ['Mistral3ForConditionalGeneration', 'mistral3'],
  ['LlavaForConditionalGeneration', 'llava'],
]);
