/** The ends of a language model: rows of an embedding in, the cross-entropy over a vocabulary out. */
import { exp4 } from './inline/exp';
import {
  bytesOf,
  maximumOfLanes,
  read1,
  read4,
  readLast,
  readSome,
  splat,
  sumOfLanes,
  write4,
  write8,
  writeLast,
  writeSome,
} from './inline/format';

/** Exponentials are added up in fp32 over so many, and in float64 beyond: a row may hold a hundred thousand. */
const SPAN: i32 = 512;

/**
 * Gathers rows of the table, zeros for words outside [first, first + words), and adds row after row of `positions`, unless
 * that is 0.
 */
export function embeddingForwardFp32(
  ids: usize,
  table: usize,
  positions: usize,
  to: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  gather<f32>(ids, table, positions, to, count, hidden, first, words);
}
export function embeddingForwardBf16(
  ids: usize,
  table: usize,
  positions: usize,
  to: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  gather<u16>(ids, table, positions, to, count, hidden, first, words);
}
/** Adds each row of the gradient to that of its word in the fp32 gradient of the table, and to the next of `positions`. */
export function embeddingBackwardFp32(
  ids: usize,
  gradient: usize,
  table: usize,
  positions: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  scatter<f32>(ids, gradient, table, positions, count, hidden, first, words);
}
export function embeddingBackwardBf16(
  ids: usize,
  gradient: usize,
  table: usize,
  positions: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  scatter<u16>(ids, gradient, table, positions, count, hidden, first, words);
}
/** Writes exp(logit - maximum) in fp32, 0 in the padding, and three rows of `tokens` statistics. */
export function crossEntropyForwardFp32(
  logits: usize,
  labels: usize,
  exponentials: usize,
  statistics: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
): void {
  exponentiate<f32>(logits, labels, exponentials, statistics, tokens, vocabulary, first, words);
}
export function crossEntropyForwardBf16(
  logits: usize,
  labels: usize,
  exponentials: usize,
  statistics: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
): void {
  exponentiate<u16>(logits, labels, exponentials, statistics, tokens, vocabulary, first, words);
}
/** (exponential scale - one-hot) weight, 0 in the padding. */
export function crossEntropyBackwardFp32(
  exponentials: usize,
  scales: usize,
  labels: usize,
  to: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
  weight: f32,
): void {
  differentiate<f32>(exponentials, scales, labels, to, tokens, vocabulary, first, words, weight);
}
export function crossEntropyBackwardBf16(
  exponentials: usize,
  scales: usize,
  labels: usize,
  to: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
  weight: f32,
): void {
  differentiate<u16>(exponentials, scales, labels, to, tokens, vocabulary, first, words, weight);
}

function gather<T>(
  ids: usize,
  table: usize,
  positions: usize,
  to: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  const row = bytesOf<T>(hidden);
  for (let token = 0; token < count; token++) {
    const word = load<i32>(ids + bytesOf<i32>(token)) - first;
    const isHere = <u32>word < <u32>words;
    const from = table + <usize>word * row;
    if (positions == 0) {
      if (isHere) memory.copy(to, from, row);
      else memory.fill(to, 0, row);
    } else {
      if (isHere) addRow<T, T>(from, positions, to, hidden);
      else memory.copy(to, positions, row);
      positions += row;
    }
    to += row;
  }
}

function scatter<T>(
  ids: usize,
  gradient: usize,
  table: usize,
  positions: usize,
  count: i32,
  hidden: i32,
  first: i32,
  words: i32,
): void {
  for (let token = 0; token < count; token++) {
    const word = load<i32>(ids + bytesOf<i32>(token)) - first;
    if (<u32>word < <u32>words) {
      const to = table + <usize>word * bytesOf<f32>(hidden);
      addRow<T, f32>(gradient, to, to, hidden);
    }
    if (positions != 0) {
      addRow<T, f32>(gradient, positions, positions, hidden);
      positions += bytesOf<f32>(hidden);
    }
    gradient += bytesOf<T>(hidden);
  }
}

function addRow<T, S>(a: usize, b: usize, sum: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) {
    const value = f32x4.add(read4<T>(a + bytesOf<T>(i)), read4<S>(b + bytesOf<S>(i)));
    write4<S>(sum + bytesOf<S>(i), value);
  }
  const rest = elements - i;
  if (rest == 0) return;
  const value = f32x4.add(readSome<T>(a + bytesOf<T>(i), rest), readSome<S>(b + bytesOf<S>(i), rest));
  writeSome<S>(sum + bytesOf<S>(i), value, rest);
}

function exponentiate<T>(
  logits: usize,
  labels: usize,
  exponentials: usize,
  statistics: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
): void {
  const row = bytesOf<f32>(tokens);
  for (let token = 0; token < tokens; token++) {
    const greatest = maximumOf<T>(logits, words);
    const sum = exponentiateRow<T>(logits, exponentials, words, greatest);
    memory.fill(exponentials + bytesOf<f32>(words), 0, bytesOf<f32>(vocabulary - words));
    const word = load<i32>(labels + bytesOf<i32>(token)) - first;
    const to = statistics + bytesOf<f32>(token);
    store<f32>(to, greatest);
    store<f32>(to + row, sum);
    store<f32>(to + 2 * row, <u32>word < <u32>words ? read1<T>(logits + bytesOf<T>(word)) : -Infinity);
    logits += bytesOf<T>(vocabulary);
    exponentials += bytesOf<f32>(vocabulary);
  }
}

function maximumOf<T>(at: usize, count: i32): f32 {
  let even = splat(-Infinity);
  let odd = even;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    even = f32x4.pmax(even, read4<T>(at + bytesOf<T>(i)));
    odd = f32x4.pmax(odd, read4<T>(at + bytesOf<T>(i + 4)));
  }
  let greatest = maximumOfLanes(f32x4.pmax(even, odd));
  for (; i < count; i++) greatest = max(greatest, read1<T>(at + bytesOf<T>(i)));
  return greatest;
}

function exponentiateRow<T>(from: usize, to: usize, count: i32, greatest: f32): f32 {
  const next = bytesOf<T>(4);
  let total: f64 = 0;
  let i = 0;
  while (i + 8 <= count) {
    const end = min(count - 7, i + SPAN);
    let even = splat(0);
    let odd = splat(0);
    for (; i < end; i += 8) {
      const at = bytesOf<T>(i);
      const low = exp4(f32x4.sub(read4<T>(from + at), splat(greatest)));
      const high = exp4(f32x4.sub(read4<T>(from + at + next), splat(greatest)));
      write8<f32>(to + bytesOf<f32>(i), low, high);
      even = f32x4.add(even, low);
      odd = f32x4.add(odd, high);
    }
    total += <f64>sumOfLanes(f32x4.add(even, odd));
  }
  for (; i < count; i += 4) {
    const left = count - i;
    const value = exp4(f32x4.sub(readLast<T>(from + bytesOf<T>(i), left), splat(greatest)));
    writeLast<f32>(to + bytesOf<f32>(i), value, left);
    for (let last = i; last < min(count, i + 4); last++) total += <f64>load<f32>(to + bytesOf<f32>(last));
  }
  return <f32>total;
}

function differentiate<T>(
  exponentials: usize,
  scales: usize,
  labels: usize,
  to: usize,
  tokens: i32,
  vocabulary: i32,
  first: i32,
  words: i32,
  weight: f32,
): void {
  for (let token = 0; token < tokens; token++) {
    const scale = load<f32>(scales + bytesOf<f32>(token));
    const factor = splat(scale * weight);
    // Read before the row is written, which may be the row of the exponentials.
    const word = load<i32>(labels + bytesOf<i32>(token)) - first;
    const isHere = <u32>word < <u32>words;
    const own: f32 = isHere ? load<f32>(exponentials + bytesOf<f32>(word)) : 0;
    let i = 0;
    for (; i + 4 <= vocabulary; i += 4) {
      write4<T>(to + bytesOf<T>(i), f32x4.mul(v128.load(exponentials + bytesOf<f32>(i)), factor));
    }
    const rest = vocabulary - i;
    if (rest > 0) {
      const value = f32x4.mul(readSome<f32>(exponentials + bytesOf<f32>(i), rest), factor);
      writeSome<T>(to + bytesOf<T>(i), value, rest);
    }
    if (isHere) writeSome<T>(to + bytesOf<T>(word), splat((own * scale - 1) * weight), 1);
    exponentials += bytesOf<f32>(vocabulary);
    to += bytesOf<T>(vocabulary);
  }
}
