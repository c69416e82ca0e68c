/** What doctor looks at. Every finding is the outcome of trying: a thread is started, a module is compiled, a file is found. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Finding } from '../report/doctor.ts';
import { formatBytes } from '../units/format.ts';
import { bytes } from '../units/quantity.ts';

// The compiler knows WebAssembly only together with a browser, which we do not want it to believe in.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number; shared: boolean }) => {
    readonly buffer: ArrayBufferLike;
  };
  readonly validate: (module: Uint8Array) => boolean;
};

export const probeMachine = async (): Promise<readonly Finding[]> => [
  nodeVersion(),
  processor(),
  memory(),
  ...(await threads()),
  simd(),
  blas(),
  gpuDriver(),
  ...OPTIONAL_PACKAGES.map(optionalPackage),
];

const OLDEST_NODE = [20, 19] as const;

const nodeVersion = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return {
    name: 'node',
    state: isNew ? 'ok' : 'broken',
    found: `${process.version} on ${platform()} ${release()} ${arch()}`,
    needed_for: 'everything',
    is_required: true,
    install: isNew ? null : `Node ${OLDEST_NODE.join('.')} or newer: https://nodejs.org`,
  };
};

const processor = (): Finding => ({
  name: 'cores',
  state: 'ok',
  found: `${availableParallelism()} usable of ${cpus().length}, ${cpus()[0]?.model ?? 'unknown model'}`,
  needed_for: 'the threads of a search',
  is_required: true,
  install: null,
});

const memory = (): Finding => {
  // A container may have less than its machine; 0 and numbers beyond the machine mean that there is no such limit.
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  const machine = formatBytes(bytes(totalmem()));
  return {
    name: 'memory',
    state: 'ok',
    found: isLimited ? `${formatBytes(bytes(limit))} of the ${machine} of the machine` : machine,
    needed_for: 'large searches and, later, real training',
    is_required: true,
    install: null,
  };
};

/** The thread adds 1 to a number in memory that it shares with us: both things are needed, and both are tried. */
const ECHO = `
const { workerData, parentPort } = require('node:worker_threads');
Atomics.add(new Int32Array(workerData.buffer), 0, 1);
parentPort.postMessage('done');
`;

const threads = async (): Promise<readonly Finding[]> => {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { error, seen } = await countInThread(wasm.buffer);
  const isShared = seen === 1;
  return [
    {
      name: 'worker threads',
      state: error === null ? 'ok' : 'broken',
      found: error ?? 'a thread was started and answered',
      needed_for: 'searching on several cores (else: --workers 1)',
      is_required: false,
      install: error === null ? null : 'run outside the sandbox that forbids threads',
    },
    {
      name: 'shared memory',
      state: isShared ? 'ok' : 'broken',
      found: isShared ? 'a thread wrote into a shared WebAssembly.Memory' : 'what a thread wrote was not seen here',
      needed_for: 'real training, later',
      is_required: false,
      install: isShared ? null : 'run outside the sandbox that forbids threads or shared memory',
    },
  ];
};

const countInThread = (buffer: ArrayBufferLike): Promise<{ error: string | null; seen: number }> =>
  new Promise((resolve) => {
    const worker = new Worker(ECHO, { eval: true, workerData: { buffer } });
    const end = (error: string | null): void => resolve({ error, seen: new Int32Array(buffer)[0] ?? 0 });
    worker.once('error', (error) => end(error instanceof Error ? error.message : String(error)));
    worker.once('exit', (code) => end(code === 0 ? null : `the thread ended with code ${code}`));
  });

/** A module with one function that puts a vector of zeros on the stack and drops it: valid only where SIMD is known. */
const SIMD_MODULE = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // \0asm, version 1
  [0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // one type: () -> ()
  [0x03, 0x02, 0x01, 0x00], // one function of that type
  [0x0a, 0x17, 0x01, 0x15, 0x00], // its body, 21 bytes, no locals
  [0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // v128.const 0
  [0x1a, 0x0b], // drop, end
].flat();

const simd = (): Finding => {
  const isKnown = WebAssembly.validate(new Uint8Array(SIMD_MODULE));
  return {
    name: 'wasm SIMD',
    state: isKnown ? 'ok' : 'missing',
    found: isKnown ? 'a module with vector instructions is valid' : 'a module with vector instructions is refused',
    needed_for: 'fast arithmetic in real training, later',
    is_required: false,
    install: isKnown ? null : 'Node 20.19 or newer on a processor with SSE4.1 or NEON',
  };
};

/** Where the libraries lie on Debian, Fedora, Homebrew and macOS. */
const LIBRARY_FOLDERS = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/opt/homebrew/opt/openblas/lib',
  '/usr/local/opt/openblas/lib',
  '/opt/intel/oneapi/mkl/latest/lib',
];
const ACCELERATE = '/System/Library/Frameworks/Accelerate.framework';
const BLAS_FILE = /^lib(openblas|blis|mkl_rt)[\w.-]*\.(so|dylib)/u;

const blas = (): Finding => {
  const found = existsSync(ACCELERATE)
    ? ACCELERATE
    : LIBRARY_FOLDERS.flatMap((folder) => filesIn(folder, BLAS_FILE))[0];
  return {
    name: 'native BLAS',
    state: found === undefined ? 'missing' : 'ok',
    found: found ?? 'no OpenBLAS, BLIS, MKL or Accelerate in the usual folders',
    needed_for: 'fast matrix multiplication in real training, later',
    is_required: false,
    install: found === undefined ? 'apt install libopenblas0 / dnf install openblas / brew install openblas' : null,
  };
};

const filesIn = (folder: string, pattern: RegExp): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => pattern.test(name))
        .toSorted()
        .map((name) => join(folder, name))
    : [];

const NVIDIA_VERSION = '/proc/driver/nvidia/version';

const gpuDriver = (): Finding => {
  const icds = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].flatMap((folder) => filesIn(folder, /\.json$/u));
  const nvidia = existsSync(NVIDIA_VERSION) ? (readFileSync(NVIDIA_VERSION, 'utf8').split('\n')[0] ?? '').trim() : null;
  const hasMetal = platform() === 'darwin';
  const found = nvidia ?? (hasMetal ? 'Metal, part of macOS' : icds[0]);
  return {
    name: 'GPU driver',
    state: found === undefined ? 'missing' : 'ok',
    found: found ?? 'no NVIDIA driver, no Vulkan driver, no Metal',
    needed_for: 'real training on a GPU, later',
    is_required: false,
    install: found === undefined ? 'the driver of your card; Vulkan for WebGPU: apt install mesa-vulkan-drivers' : null,
  };
};

interface OptionalPackage {
  readonly name: string;
  readonly neededFor: string;
}
const OPTIONAL_PACKAGES: readonly OptionalPackage[] = [
  { name: 'koffi', neededFor: 'calling native BLAS, later' },
  { name: 'webgpu', neededFor: 'WebGPU kernels, later' },
  { name: 'gpu.js', neededFor: 'portable GPU kernels, later' },
];

const optionalPackage = ({ name, neededFor }: OptionalPackage): Finding => {
  const isThere = isInstalled(name);
  return {
    name: `npm ${name}`,
    state: isThere ? 'ok' : 'missing',
    found: isThere ? 'found' : 'not found',
    needed_for: neededFor,
    is_required: false,
    install: isThere ? null : `npm install ${name}`,
  };
};

const isInstalled = (name: string): boolean => {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
};
