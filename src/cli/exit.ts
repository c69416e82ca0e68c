/** How a command ends: the exit codes, and the refusal that carries one. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  infeasible: 3,
  badInput: 4,
  outOfTolerance: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message for its user. Anything else that is thrown is a mistake of ours. */
export class Refusal extends Error {
  readonly code: ExitCode;
  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}
