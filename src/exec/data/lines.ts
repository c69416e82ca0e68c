/** The lines of a file, as bytes: a file may be longer than memory, a line may not. */
import { createReadStream } from 'node:fs';
import { TEXT_BYTES_MAX } from './plain-file.ts';

const LINE_END = 0x0a;

/** Without their ends; the last one is empty where the file ends in one. */
export async function* linesOf(path: string): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let length = 0;
  const pieces: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(LINE_END); end !== -1; end = piece.indexOf(LINE_END, start)) {
      yield joined([...begun, piece.subarray(start, end)]);
      [begun, length, start] = [[], 0, end + 1];
    }
    begun.push(piece.subarray(start));
    length += piece.length - start;
    if (length > TEXT_BYTES_MAX) throw new LongLine();
  }
  yield joined(begun);
}

/** A fault of the file, as the system's are. */
class LongLine extends Error {
  readonly code = 'LINE_TOO_LONG';
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0 ? only : Buffer.concat(parts);
};
