/** Products by whoever speaks CBLAS (netlib.org/blas): OpenBLAS, or Accelerate on macOS. */
import type { Foreign } from './foreign.ts';
import type { NativeLibrary } from './native-library.ts';

const OPEN_BLAS = ['libopenblas.so.0', 'libopenblas.so'];
const ACCELERATE = ['/System/Library/Frameworks/Accelerate.framework/Accelerate'];

/** CblasRowMajor, CblasNoTrans and CblasTrans. */
const ROW_MAJOR = 101;
const PLAIN = 111;
const TRANSPOSED = 112;

const SGEMM =
  'void cblas_sgemm(int order, int transa, int transb, int M, int N, int K, float alpha, const void* A, int lda, ' +
  'const void* B, int ldb, float beta, void* C, int ldc)';

export const cblas = (foreign: Foreign): NativeLibrary | null => {
  const openBlas = foreign.open(OPEN_BLAS);
  // Ranks are threads already: the library adds none.
  openBlas?.find('void openblas_set_num_threads(int count)')?.(1);
  const library = openBlas ?? foreign.open(ACCELERATE);
  const gemm = library?.find(SGEMM) ?? null;
  if (gemm === null) return null;
  return {
    name: openBlas === null ? 'Accelerate' : 'OpenBLAS',
    fp32: ({
      isLeftTransposed,
      isRightTransposed,
      m,
      n,
      k,
      left,
      leftRow,
      right,
      rightRow,
      beta,
      output,
      outputRow,
    }) => {
      // It packs even a single row, which the compiled kernels do not.
      if (m === 1) return false;
      const form = [ROW_MAJOR, transposition(isLeftTransposed), transposition(isRightTransposed)];
      gemm(...form, m, n, k, 1, left, leftRow, right, rightRow, beta, output, outputRow);
      return true;
    },
    bf16: () => false,
  };
};

const transposition = (isTransposed: boolean): number => (isTransposed ? TRANSPOSED : PLAIN);
