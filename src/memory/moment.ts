/** When something is held: the moments at which a peak of memory can be reached. */

/** A pass of a microbatch through a model chunk: a slot of a pipeline schedule. */
export interface Moment {
  /** `weight`: the gradients of the weights alone, in schedules that put them off. */
  readonly pass: 'forward' | 'backward' | 'weight';
  readonly microbatch: number;
  readonly chunk: number;
}
