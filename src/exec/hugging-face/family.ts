/** What is known of a published class: what it wants of a model, its config.json, and what its weights are called. */
import type { Model } from '../../scenario/model.ts';
import type { Correspondence } from './correspondence.ts';

/** What the kernels compute with, and a config.json says. */
export interface Constants {
  readonly normEpsilon: number;
  readonly ropeBase: number;
}
/** What a config.json says and no weight shows. */
export interface Extent extends Constants {
  /** The longest sequence that the model was trained on. */
  readonly positions: number;
  /** Token ids that begin and end a text; null where the tokenizer has none. */
  readonly first: number | null;
  readonly last: number | null;
}

export interface Family {
  /** `model_type`. */
  readonly name: string;
  /** The class that has a language model's head. */
  readonly className: string;
  /** What a model must be to be one of this class, by what it is. */
  readonly wants: (model: Model) => Partial<Model>;
  readonly config: (model: Model, extent: Extent) => Readonly<Record<string, unknown>>;
  readonly weights: (model: Model) => readonly Correspondence[];
  /** What a config.json says of the arithmetic. */
  readonly arithmetic: (constants: Constants) => Readonly<Record<string, Choice>>;
}
export interface Choice {
  /** What the class takes where nothing is said. */
  readonly usual: unknown;
  /** The only values that are computed here. */
  readonly known: readonly unknown[];
}
