/** Faults of checkpoints and their folders, in words for the user. */
import { systemCode, systemReason } from '../system-fault.ts';

/** What is wrong with a checkpoint or its folder. Anything else that is thrown is a mistake of ours. */
export class CheckpointFault extends Error {
  override readonly name = 'CheckpointFault';
}

/** Errors of the operating system in plain words; all others pass through as they are. */
export const inWords = (error: unknown, task: string): unknown => {
  const code = systemCode(error);
  if (code === null || error instanceof CheckpointFault) return error;
  return new CheckpointFault(`${task}: ${systemReason(code)} (${code})`, { cause: error });
};
