/** The exponentials of a row. */
import { exp4 } from './inline/exp';

/** to[i] = exp(from[i]) for `count` numbers in fp32, a multiple of four. */
export function exponentials(from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) {
    const offset = (<usize>i) << 2;
    v128.store(to + offset, exp4(v128.load(from + offset)));
  }
}
