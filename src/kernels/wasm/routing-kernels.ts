/** Signatures of the compiled kernels that choose experts (`assembly/routing.ts`): addresses are bytes, counts elements. */

export interface RoutingKernels {
  readonly topKForward: (
    ...of: [logits: number, weights: number, numbers: number, tokens: number, experts: number, active: number]
  ) => void;
  readonly topKBackward: (
    ...of: [
      weights: number,
      numbers: number,
      gradient: number,
      to: number,
      tokens: number,
      experts: number,
      active: number,
    ]
  ) => void;
  /** `counts` and the scratch `powers` are fp32 [experts]. */
  readonly addBalance: (
    ...of: [logits: number, counts: number, powers: number, to: number, tokens: number, experts: number, weight: number]
  ) => void;
  readonly countChoices: (numbers: number, counts: number, choices: number) => void;
  /** `room` and `taken` are int32 [experts]. */
  readonly admitChoices: (
    ...of: [numbers: number, places: number, room: number, taken: number, choices: number]
  ) => void;
  /** `taken` and the scratch `next` are int32 [experts]. */
  readonly placeChoices: (
    ...of: [numbers: number, places: number, taken: number, next: number, choices: number, experts: number]
  ) => void;
}
