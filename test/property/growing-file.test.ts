/** Laws of files that grow: a piece is there whole or not at all, also where the system takes a part of it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { builtThread } from '../worlds/built-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'growing-'));
const program = builtThread('test/worlds/growing-process.ts');
afterAll(() => {
  rmSync(folder, { recursive: true });
  program.remove();
});

it('where a file may not grow any further, it ends with the last whole line, and the next are refused in words', () => {
  const path = join(folder, 'lines');
  const words = [fileURLToPath(program.file), path];
  // No file may have more than one block, of 512 or 1024 bytes: the system takes the part of a line that still fits.
  const { stdout } = spawnSync('bash', ['-c', 'ulimit -f 1; exec node "$@"', 'node', ...words], { encoding: 'utf8' });
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  expect(new Set(lines)).toEqual(new Set(['a line of 25 characters..']));
  expect(text.length).toBeGreaterThan(400);
  expect(stdout).toBe('EFBIG: the file would be larger than files may be here\n'.repeat(2));
});
