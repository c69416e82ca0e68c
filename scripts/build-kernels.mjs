/** Compiles the AssemblyScript kernels to dist/kernels/wasm/{simd,relaxed}.wasm, unless what is there is newer. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { argv, pid } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = 'src/kernels/wasm/assembly';
/** Every function in it is inlined at each call; every other file of the sources is an entry, whose exports are the module's. */
const INLINE = `${SOURCES}/inline/`;
const OUTPUTS = 'dist/kernels/wasm';

/** Fused multiply-adds are relaxed SIMD, which not every runtime has. */
const VARIANTS = { simd: ['simd', 'threads'], relaxed: ['simd', 'threads', 'relaxed-simd'] };
/** The module's own bytes: as RESERVED_BYTES in src/kernels/wasm/module.ts says. */
const STATIC_FROM = 1024;
const STATIC_TO = 16_384;

const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'].concat(
  ['--initialMemory', '1', '--maximumMemory', '65536', '--memoryBase', `${STATIC_FROM}`],
  // Functions that take vectors are only called from within, whatever the compiler fears.
  ['--lowMemoryLimit', `${STATIC_TO}`, '--disableWarning', '112'],
);

const timeOf = (path) => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const outputOf = (variant) => `${OUTPUTS}/${variant}.wasm`;

const isStale = (sources) => {
  const built = Math.min(...Object.keys(VARIANTS).map((variant) => timeOf(outputOf(variant))));
  return [...sources, 'scripts/build-kernels.mjs'].some((path) => timeOf(path) >= built);
};

/** Decorators on functions are no TypeScript, so that no other tool could read the sources if they stood in them. */
const readSource = (path, folder) => {
  try {
    const text = readFileSync(join(folder, path), 'utf8');
    return path.startsWith(INLINE) ? text.replaceAll(/^(?:export )?function /gm, '@inline $&') : text;
  } catch {
    // The compiler asks for files that may not be there, `x.ts` before `x/index.ts`.
    return null;
  }
};

const compile = async (asc, entries, variant) => {
  // Renamed when it is whole, so that whoever reads or builds beside us never meets half a file.
  const partial = `${outputOf(variant)}.${pid}`;
  const features = VARIANTS[variant].flatMap((feature) => ['--enable', feature]);
  const words = [...entries, ...OPTIONS, ...features, '--baseDir', ROOT, '-o', partial];
  const { error, stderr } = await asc.main(words, { readFile: readSource });
  if (error !== null) {
    rmSync(join(ROOT, partial), { force: true });
    throw new Error(`the kernels do not compile (${variant}): ${error.message}\n${stderr.toString()}`);
  }
  renameSync(join(ROOT, partial), join(ROOT, outputOf(variant)));
};

/** Also for vitest, whose tests run from the sources. */
export const buildKernels = async () => {
  const names = readdirSync(join(ROOT, SOURCES), { recursive: true }).filter((name) => name.endsWith('.ts'));
  const sources = names.map((name) => `${SOURCES}/${name}`);
  if (!isStale(sources)) return;
  mkdirSync(join(ROOT, OUTPUTS), { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  const entries = sources.filter((path) => !path.startsWith(INLINE));
  for (const variant of Object.keys(VARIANTS)) await compile(asc, entries, variant);
};

if (argv[1] === fileURLToPath(import.meta.url)) await buildKernels();
