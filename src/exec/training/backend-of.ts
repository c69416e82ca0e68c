/** The backend that a rank computes with, as it was chosen, on its memory. */
import type { Backend } from '../../kernels/backend.ts';
import { nativeGemm } from '../../kernels/native/native-gemm.ts';
import { referenceBackend } from '../../kernels/reference/backend.ts';
import { wasmBackend } from '../../kernels/wasm/backend.ts';
import { loadKernels } from '../../kernels/wasm/module.ts';
import type { Arena } from '../arena.ts';
import { Workspace } from '../workspace.ts';
import type { KernelChoice } from './order.ts';

/** Throws where a library is insisted on and there is none. */
export const backendOf = (choice: KernelChoice, arena: Arena): Backend => {
  const { memory } = arena;
  if (choice === 'reference') return referenceBackend(() => memory.buffer);
  const found = choice === 'wasm' ? null : nativeGemm(memory);
  if (choice === 'native' && found?.gemm === null) throw new Error(`no library multiplies here: ${found.reason}`);
  return wasmBackend({
    memory,
    kernels: loadKernels(memory),
    workspace: new Workspace(arena),
    native: found?.gemm ?? null,
  });
};
