/** Bytes as text, or where they stop being UTF-8. */
import { isUtf8 } from 'node:buffer';

export type TextReading =
  | { readonly kind: 'text'; readonly text: string }
  /** Lines and columns count from 1. */
  | { readonly kind: 'fault'; readonly line: number; readonly column: number; readonly message: string };

export const textIn = (bytes: Uint8Array): TextReading =>
  isUtf8(bytes) ? { kind: 'text', text: new TextDecoder().decode(bytes) } : faultIn(bytes);

const LINE_END = 0x0a;

/** Lines can be looked at one by one: no byte of a longer character is a line's end. */
const faultIn = (bytes: Uint8Array): TextReading => {
  let [line, start] = [0, 0];
  for (;;) {
    line += 1;
    const end = bytes.indexOf(LINE_END, start);
    const one = bytes.subarray(start, end === -1 ? undefined : end);
    if (!isUtf8(one)) return { kind: 'fault', line, ...firstFault(one) };
    start = end + 1;
  }
};

/** In a line that is none. A character that was begun counts once it is whole. */
const firstFault = (line: Uint8Array): { readonly column: number; readonly message: string } => {
  const whole = wholePieces(line);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  try {
    for (let at = whole; at < line.length; at += 1) text += decoder.decode(line.subarray(at, at + 1), { stream: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const before = new TextDecoder('utf-8', { ignoreBOM: true }).decode(line.subarray(0, whole));
  const odd = line[whole + Buffer.byteLength(text)] ?? 0;
  return {
    column: before.length + text.length + 1,
    message: `this is not text: byte 0x${odd.toString(16)}; wanted UTF-8`,
  };
};

const PIECE = 2 ** 16;

/** How many bytes can be passed over at once: pieces that are UTF-8, each of whole characters. */
const wholePieces = (line: Uint8Array): number => {
  let start = 0;
  for (;;) {
    let end = Math.min(line.length, start + PIECE);
    while (end < line.length && (line[end]! & 0xc0) === 0x80) end += 1;
    if (end === line.length || !isUtf8(line.subarray(start, end))) return start;
    start = end;
  }
};
