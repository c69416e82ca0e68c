/** What a real run needs beside the job: what it reads, what it saves, and where. A plan reads none of it. */
import type { Training } from './training.ts';

/** Vocabularies known by name: single bytes, and those of OpenAI's models. */
export const TOKENIZERS = ['bytes', 'gpt2', 'cl100k_base', 'o200k_base'] as const;
export type Tokenizer =
  | { readonly kind: 'named'; readonly name: (typeof TOKENIZERS)[number] }
  /** A tokenizer.json as Hugging Face models have. */
  | { readonly kind: 'file'; readonly path: string };

/** Files are named as seen from the scenario's; without any it is the default text that is read. */
export interface DataSource {
  /** Each file is a document. */
  readonly text: readonly string[];
  /** Each line of a file is a document: a mapping, whose `field` is the text. */
  readonly jsonl: readonly string[];
  readonly field: string;
  readonly tokenizer: Tokenizer;
  /** Share of the documents that are kept from training. */
  readonly validation: number;
}

export interface Checkpointing {
  readonly folder: string;
  /** Steps from one to the next. The last step is always saved. */
  readonly every: number;
  /** The latest so many are kept, older ones removed; null: all. */
  readonly keep: number | null;
}

/** The processors that this version computes on: `auto` takes what is fastest of them. */
export const DEVICES = ['auto', 'cpu'] as const;
export type Device = (typeof DEVICES)[number];

export interface RealRun {
  readonly training: Training;
  readonly data: DataSource;
  /** Null: nothing is saved. */
  readonly checkpoint: Checkpointing | null;
  readonly device: Device;
  /** Folder of the loss curve and the trace; null: a new one named after the run. */
  readonly output: string | null;
}
