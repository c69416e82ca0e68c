/** Laws of a rank's memory: blocks never overlap, the best fit is taken, and what is released is whole again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena } from '../../src/exec/arena.ts';
import { sharedMemory } from '../../src/exec/shared-memory.ts';
import { Workspace } from '../../src/exec/workspace.ts';

const LINE = 64;
const PAGE = 65_536;
const wholeLines = (size: number): number => Math.max(LINE, Math.ceil(size / LINE) * LINE);

interface Run {
  readonly start: number;
  readonly size: number;
}
/** The gaps between blocks up to `end`, from the bytes where blocks may begin. */
const gapsBetween = (blocks: readonly Run[], end: number): Run[] => {
  const gaps: Run[] = [];
  let at = PAGE;
  for (const { start, size } of blocks.toSorted((a, b) => a.start - b.start)) {
    if (start > at) gaps.push({ start: at, size: start - at });
    at = start + size;
  }
  if (end > at) gaps.push({ start: at, size: end - at });
  return gaps;
};
/** Where a block of that size belongs: in the smallest gap that holds it, the lowest of equal ones. */
const bestFit = (gaps: readonly Run[], size: number): number | null =>
  gaps.filter((gap) => gap.size >= size).toSorted((a, b) => a.size - b.size || a.start - b.start)[0]?.start ?? null;

/** Sizes of new blocks, or which of the blocks there are is released, as a share of their number. */
const anySteps = fc.array(
  fc.oneof(
    fc.record({ size: fc.oneof(fc.nat(200), fc.nat(9000), fc.nat(300_000)) }),
    fc.record({ released: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }),
  ),
  { maxLength: 120 },
);

test('a block goes to the best gap, at a cache line, and overlaps no other; the memory grows when none is left', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const arena = new Arena(sharedMemory(2 ** 26));
      const blocks: Run[] = [];
      for (const step of steps)
        if ('size' in step) {
          const size = wholeLines(step.size);
          const end = arena.memory.buffer.byteLength;
          const expected = bestFit(gapsBetween(blocks, end), size);
          const start = arena.allocate(step.size);
          if (expected !== null) expect(start).toBe(expected);
          else expect(arena.memory.buffer.byteLength).toBeGreaterThan(end);
          expect(start % LINE).toBe(0);
          for (const other of blocks)
            expect(start + size <= other.start || other.start + other.size <= start).toBe(true);
          expect(arena.view(start, step.size).length).toBe(step.size);
          blocks.push({ start, size });
        } else if (blocks.length > 0) {
          const [block] = blocks.splice(Math.floor(step.released * blocks.length), 1);
          arena.release(block!.start);
        }
      expect(arena.held).toBe(blocks.reduce((sum, { size }) => sum + size, 0));
      for (const { start } of blocks) arena.release(start);
      // All is one gap again: it takes a block as large as everything there is, without growing.
      const end = arena.memory.buffer.byteLength;
      expect(arena.allocate(end - PAGE)).toBe(PAGE);
      expect(arena.memory.buffer.byteLength).toBe(end);
    }),
  );
});

test('the high-water mark is the most that was held at once', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const arena = new Arena(sharedMemory(2 ** 26));
      const blocks: Run[] = [];
      let peak = 0;
      for (const step of steps) {
        if ('size' in step) blocks.push({ start: arena.allocate(step.size), size: wholeLines(step.size) });
        else if (blocks.length > 0) arena.release(blocks.pop()!.start);
        peak = Math.max(
          peak,
          blocks.reduce((sum, { size }) => sum + size, 0),
        );
      }
      expect(arena.peak).toBe(peak);
    }),
  );
});

test('a block that does not fit is refused with what was asked, what is held and what is free', () => {
  const arena = new Arena(sharedMemory(4 * PAGE));
  arena.allocate(PAGE);
  const middle = arena.allocate(PAGE);
  arena.allocate(1024);
  arena.release(middle);
  expect(() => arena.allocate(2 * PAGE)).toThrow(
    'a block of 128 KiB does not fit: 65.0 KiB are held, 127 KiB are free in 2 pieces, and the memory cannot grow from 256 KiB',
  );
  // What was refused has changed nothing.
  expect(arena.allocate(PAGE)).toBe(middle);
});

test('what is not held cannot be released, and bytes beyond the memory cannot be seen', () => {
  const arena = new Arena(sharedMemory(4 * PAGE));
  const at = arena.allocate(10);
  arena.release(at);
  expect(() => arena.release(at)).toThrow(`no block is held at ${at}`);
  expect(() => arena.view(2 * PAGE - 8, 9)).toThrow('bytes 131064 to 131073 of 131072');
});

test('a workspace holds as much as was last asked for, in one block', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50_000), { minLength: 1, maxLength: 30 }), (sizes) => {
      const arena = new Arena(sharedMemory(2 ** 24));
      const workspace = new Workspace(arena);
      for (const size of sizes) {
        const at = workspace.reserve(size);
        arena.view(at, size).fill(1);
        expect(workspace.size).toBeGreaterThanOrEqual(size);
        expect(arena.held).toBe(wholeLines(workspace.size));
      }
    }),
  );
});
