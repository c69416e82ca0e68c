/** The backend that a rank computes with, as it was chosen, on its memory. */
import { hrtime } from 'node:process';
import type { Backend } from '../../kernels/backend.ts';
import { nativeGemm } from '../../kernels/native/native-gemm.ts';
import { referenceBackend } from '../../kernels/reference/backend.ts';
import type { Profile } from '../../kernels/wasm/backend.ts';
import { wasmBackend } from '../../kernels/wasm/backend.ts';
import { loadKernels } from '../../kernels/wasm/module.ts';
import type { Arena } from '../arena.ts';
import { Workspace } from '../workspace.ts';
import type { KernelChoice } from './order.ts';

export interface ChosenBackend {
  readonly backend: Backend;
  /** Null where nobody counts. */
  readonly profile: Profile | null;
}

const clock = (): number => Number(hrtime.bigint()) / 1e9;

/** Throws where a library is insisted on and there is none. */
export const backendOf = (choice: KernelChoice, arena: Arena, isTimed: boolean): ChosenBackend => {
  const { memory } = arena;
  if (choice === 'reference') return { backend: referenceBackend(() => memory.buffer), profile: null };
  const found = choice === 'wasm' ? null : nativeGemm(memory);
  if (choice === 'native' && found?.gemm === null) throw new Error(`no library multiplies here: ${found.reason}`);
  const backend = wasmBackend({
    memory,
    kernels: loadKernels(memory),
    workspace: new Workspace(arena),
    native: found?.gemm ?? null,
    clock: isTimed ? clock : null,
  });
  return { backend, profile: backend.profile };
};
