/** Bytes laid out anew, whatever they are the elements of. */

export function zero(to: usize, size: usize): void {
  memory.fill(to, 0, size);
}

export function copyBytes(from: usize, to: usize, size: usize): void {
  memory.copy(to, from, size);
}

/** `size` bytes in a row, again and again along three axes, whose steps are bytes too. */
export function copyRuns(
  from: usize,
  to: usize,
  size: i32,
  count0: i32,
  count1: i32,
  count2: i32,
  from0: i32,
  from1: i32,
  from2: i32,
  to0: i32,
  to1: i32,
  to2: i32,
): void {
  for (let i = 0; i < count0; i++) {
    for (let j = 0; j < count1; j++) {
      let source = from + <usize>(i * from0 + j * from1);
      let target = to + <usize>(i * to0 + j * to1);
      for (let k = 0; k < count2; k++) {
        copyRun(source, target, size);
        source += from2;
        target += to2;
      }
    }
  }
}

/** Heads and rows are often short: below this a loop is done before a bulk copy has begun. */
const BULK: i32 = 512;

function copyRun(from: usize, to: usize, size: i32): void {
  if (size >= BULK) {
    memory.copy(to, from, size);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= <usize>size; i += 16) v128.store(to + i, v128.load(from + i));
  if ((size & 8) != 0) {
    store<u64>(to + i, load<u64>(from + i));
    i += 8;
  }
  if ((size & 4) != 0) {
    store<u32>(to + i, load<u32>(from + i));
    i += 4;
  }
  if ((size & 2) != 0) {
    store<u16>(to + i, load<u16>(from + i));
    i += 2;
  }
  if ((size & 1) != 0) store<u8>(to + i, load<u8>(from + i));
}
