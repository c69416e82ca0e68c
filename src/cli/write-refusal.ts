/** Why a run cannot write where it was told to, in words. */
import { systemCode, systemReason } from '../exec/system-fault.ts';
import { EXIT, Refusal } from './exit.ts';

/** What is no fault of the file system stays as it is. */
export const writeRefusal = (path: string, error: unknown): unknown => {
  const code = systemCode(error);
  return code === null ? error : new Refusal(EXIT.badInput, `error: ${path}: ${systemReason(code)} (${code})`);
};
