/** When something is held: the moments at which a peak of memory can be reached. */

/** A pass of a microbatch through a model chunk: a slot of a pipeline schedule. */
export interface Moment {
  readonly pass: 'forward' | 'backward';
  readonly microbatch: number;
  readonly chunk: number;
}
