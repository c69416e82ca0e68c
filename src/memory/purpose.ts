/** What memory is held for. */

/** The rows of the memory table. */
export const PURPOSES = [
  'weights',
  'gradients',
  'optimizer',
  'activations',
  'workspace',
  'communication',
  'input',
  'framework',
  'allocator',
] as const;
export type Purpose = (typeof PURPOSES)[number];
