/** oneDNN's products (Intel's Deep Neural Network Library), in rows as ours are. */
import type { Foreign, ForeignFunction } from './foreign.ts';
import type { NativeLibrary, NativeProduct } from './native-library.ts';

const PATHS = ['libdnnl.so.3', 'libdnnl.so.2'];
/** The thread pool that it is built on where a package manager installs it. */
const THREADS = ['libgomp.so.1', 'libomp.so.5'];
const SUCCESS = 0;

/** uxlfoundation.github.io/oneDNN, "BLAS functions". */
const ARGUMENTS =
  '(char transa, char transb, int64_t M, int64_t N, int64_t K, float alpha, const void* A, int64_t lda, ' +
  'const void* B, int64_t ldb, float beta, void* C, int64_t ldc)';

export const oneDnn = (foreign: Foreign): NativeLibrary | null => {
  const library = foreign.open(PATHS);
  const sgemm = library?.find(`int dnnl_sgemm${ARGUMENTS}`) ?? null;
  if (library === null || sgemm === null) return null;
  // Ranks are threads already: each asks for no more, which OpenMP remembers by thread.
  foreign.open(THREADS)?.find('void omp_set_num_threads(int count)')?.(1);
  const bf16 = library.find(`int dnnl_gemm_bf16bf16f32${ARGUMENTS}`);
  return { name: 'oneDNN', fp32: multiplyBy(sgemm), bf16: bf16 === null ? () => false : multiplyBy(bf16) };
};

/** oneDNN answers that a product is not implemented where the processor lacks what it takes. */
const multiplyBy =
  (gemm: ForeignFunction) =>
  (product: NativeProduct): boolean => {
    const { isLeftTransposed, isRightTransposed, m, n, k, left, leftRow, right, rightRow, beta } = product;
    const form = [transposition(isLeftTransposed), transposition(isRightTransposed)];
    const { output, outputRow } = product;
    return gemm(...form, m, n, k, 1, left, leftRow, right, rightRow, beta, output, outputRow) === SUCCESS;
  };

const transposition = (isTransposed: boolean): number => (isTransposed ? 'T' : 'N').charCodeAt(0);
