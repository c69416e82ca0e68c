/** Laws of whole steps of every model family: ranks exchange what they ask for, and nothing is left when a step is over. */
import { describe, expect, test } from 'vitest';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Layout, Recompute } from '../../src/scenario/job.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { FAMILIES } from '../worlds/families.ts';
import { tinyJob } from '../worlds/jobs.ts';

const LAYOUTS: readonly Partial<Layout>[] = [
  { tp: 2, sequenceParallel: true, dp: 2, ep: 2, zero: 1 },
  { dp: 4, ep: 4, zero: 2 },
  { dp: 4, ep: 2, zero: 3 },
  { cp: 2, dp: 2, ep: 2, zero: 1 },
  { cp: 2, contextKind: 'all-to-all', pp: 2, ep: 2 },
  { tp: 2, sequenceParallel: true, etp: 2, pp: 2, dp: 2, ep: 2 },
];
const RECOMPUTES: readonly Recompute[] = [
  { kind: 'none' },
  { kind: 'full', layers: 'all' },
  { kind: 'selective', modules: ['core_attn', 'moe', 'mlp', 'mla_up_proj'] },
];
/** What stays of communication: the report to the supervisor, three numbers in fp32. */
const REPORT = 3 * 4;

describe('after a step a rank holds what stays, and every layer is timed for what it is', () => {
  // A profile does not know how many layers behind have left gradients of shared keys: groups of two are replayed exactly.
  const replayable = Object.entries(FAMILIES).filter(([, { kvShare = 1 }]) => kvShare <= 2);
  test.each(replayable)('%s', (_, family) => {
    // Layers that share keys lie in one model chunk.
    const model = { ...family, layers: 4 };
    for (const layout of LAYOUTS)
      for (const recompute of RECOMPUTES) {
        const job = tinyJob({ model, layout, recompute, workload: { globalBatch: 4 } });
        const { reports, evaluation } = message(job);
        for (const { memory } of reports)
          for (const purpose of ['activations', 'workspace', 'communication', 'input'] as const) {
            const left = memory.net[PURPOSES.indexOf(purpose)]!;
            expect(left).toBe(purpose === 'communication' ? REPORT : 0);
          }
        // A profile is replayed for the same work only: both worlds execute the same, and hold the same on every stage.
        const replayed = folded(job);
        expect(replayed.hardwareFlops / evaluation.hardwareFlops).toBeCloseTo(1, 9);
        expect(replayed.stages.map(({ memory }) => memory.total)).toEqual(
          evaluation.stages.map(({ memory }) => memory.total),
        );
      }
  });
});
