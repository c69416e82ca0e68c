/** Laws of rows beyond plain decoders on plain grids: their models, axes, schedules, recomputation and offloading. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelFlops } from '../../src/model/flops.ts';
import { microbatchesOf, RECOMPUTE_MODULES, SCHEDULES } from '../../src/scenario/job.ts';
import { activeParameterCount, parameterCount } from '../../src/scenario/parameters.ts';
import { evenDomains } from '../../src/validate/card.ts';
import { stepFlops } from '../../src/validate/convention.ts';
import { gradeAll } from '../../src/validate/grade.ts';
import { interpret } from '../../src/validate/interpret.ts';
import type { Row } from '../../src/validate/row.ts';
import { ROW } from '../../src/validate/row.ts';
import { catalogue, clusterWith, gpt, jobOf, predictor, shippedRows } from './validate-fixtures.ts';

const rows = shippedRows();
const mixtures = rows.filter(({ model }) => model.moe !== null);

/** A small mixture on 64 cards, with what is given put in its place. */
const mixture = (changes: Record<string, unknown> = {}, model: Record<string, unknown> = {}): Row =>
  gpt(
    { pp: 1, dp: 8, ep: 8, zero: 1, ...changes },
    { layers: 8, moe: { experts: 16, topk: 2, moe_ffn: 1024 }, ...model },
  );
const deepSeek = (mtp: unknown, framework: string): Row => gpt({ framework }, { name: 'deepseek-v3', mtp_layers: mtp });
const assumedOf = (row: Row): string => {
  const interpretation = interpret(row, catalogue);
  if (interpretation.kind === 'refused') throw new Error(interpretation.reason);
  return interpretation.assumed.join('; ');
};

describe('models', () => {
  it('of mixtures have the parameters, all and active, that their sources print', () => {
    expect(mixtures.length).toBeGreaterThan(30);
    for (const row of mixtures) {
      const { params_b: total, active_b: active } = row.model;
      const { model } = jobOf(row);
      // The prints of active parameters differ in whether the embedding counts.
      const embedding = model.vocabulary * model.hidden;
      if (total !== null) expect(parameterCount(model) / (total * 1e9), row.id).toBeCloseTo(1, 3);
      if (active === null) continue;
      const counts = [activeParameterCount(model), activeParameterCount(model) - embedding];
      expect(Math.min(...counts.map((count) => Math.abs(count / (active * 1e9) - 1))), row.id).toBeLessThan(0.01);
    }
  });

  it('take the FLOPs that the definition gives, whatever their layers are', () => {
    for (const row of [...mixtures, ...rows.filter(({ cp }) => cp !== null && cp > 1)]) {
      const job = jobOf(row);
      const full = stepFlops(job, { attention: 'full', recompute: false, weightGradients: true });
      const { globalBatch, sequence } = job.workload;
      expect(full / (globalBatch * modelFlops(job.model, sequence, 'full')), row.id).toBeCloseTo(1, 12);
    }
  });

  it('have the predictors of their release where the row says only since when', () => {
    const since = 'unknown (recipe default 1 from 25.11)';
    const release = fc.constantFrom('25.02', '25.09', '25.11', '25.11.01', '26.02', '26.04.01');
    fc.assert(
      fc.property(release, (version) => {
        const row = deepSeek(since, `Megatron-Bridge/MCore ${version}`);
        expect(jobOf(row).model.predictors).toBe(version >= '25.11' ? 1 : 0);
        expect(assumedOf(row)).toContain(version);
      }),
    );
    expect(jobOf(deepSeek(1, 'anything')).model.predictors).toBe(1);
  });

  it('are of the family that their name says, or else of Llama with a gate and of GPT without, and that is named', () => {
    for (const [name, gated, family] of [
      ['gpt-oss-120b', true, 'gpt-oss'],
      ['Qwen3-8B', true, 'qwen3'],
      ['nobody-7b', true, 'llama'],
      ['nobody-7b', false, 'gpt'],
    ] as const)
      expect(assumedOf(gpt({}, { name, gated }))).toMatch(new RegExp(`those of ${family} where not stated`));
    expect(jobOf(gpt({}, { name: 'gpt-oss-20b' })).model.sinks).toBe(true);
    expect(jobOf(gpt({}, { name: 'qwen3-8b' })).model.qkNorm).toBe('head');
  });

  it('see every other layer through the window of an alternating attention', () => {
    const { model } = jobOf(gpt({}, { attn: 'gqa-alternating-sliding-window-128' }));
    expect(model.window?.size).toBe(128);
    expect(model.window?.layers.filter(Boolean).length).toBe(model.layers / 2);
    expect(jobOf(gpt()).model.window).toBeNull();
  });
});

describe('grids', () => {
  it('of any context, expert and data ranks fill the cards, or the row is refused', () => {
    const degree = fc.constantFrom(1, 2, 3, 4, 8, 16);
    fc.assert(
      fc.property(degree, degree, degree, fc.boolean(), (cp, ep, etp, isExchange) => {
        const row = mixture({ tp: 2, dp: null, cp, ep, etp, cp_kind: isExchange ? 'all-to-all' : 'ring' });
        const interpretation = interpret(row, catalogue);
        const ranks = 64 / (2 * cp);
        const isLegal =
          Number.isInteger(ranks) && 16 % ep === 0 && 1024 % etp === 0 && 64 % (ep * etp) === 0 && 64 % ranks === 0;
        expect(interpretation.kind).toBe(isLegal ? 'job' : 'refused');
        if (interpretation.kind === 'refused') return;
        const { layout } = interpretation.job;
        expect(layout).toMatchObject({ cp, ep, etp, dp: ranks });
        if (cp > 1) expect(layout.contextKind).toBe(isExchange ? 'all-to-all' : 'ring');
        expect(Number.isInteger(microbatchesOf(interpretation.job))).toBe(true);
      }),
    );
  });

  it('name how context ranks meet, and the ranks of an expert, where the row does not', () => {
    expect(assumedOf(mixture({ tp: 2, dp: null, cp: 2 }))).toMatch(/cp_kind ring: not stated/);
    expect(assumedOf(mixture({ tp: 2, dp: null, cp: 2, cp_kind: 'ring', etp: 1 }))).not.toMatch(/cp_kind|etp/);
    expect(assumedOf(mixture({ ep: null }))).toMatch(/ep \d+: not stated/);
    expect(jobOf(mixture({ dp: null, cp: 8, tp: 1, notes: 'Ulysses' })).layout.contextKind).toBe('all-to-all');
  });

  it('shard in the groups that the row names, each with all of what is sharded', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 8), fc.constantFrom(1, 2), (group, cp) => {
        const row = gpt({ pp: 1, dp: null, cp, zero_group: group });
        const { layout } = jobOf(row);
        expect(layout.replicas * group).toBe(layout.cp * layout.dp);
      }),
    );
    expect(jobOf(gpt({ zero_group: 'all' })).layout.replicas).toBe(1);
    expect(assumedOf(gpt({ pp: 1, dp: 8, zero_group: 3 }))).toMatch(/groups of 3 do not divide/);
  });

  it('larger than a rack take as many cards of each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.constantFrom(8, 64, 72), (nodes, domain) => {
        const cluster = { ...clusterWith(1), devicesPerNode: 4, scaleUpDomain: domain };
        const devices = nodes * 4;
        const { value, assumed } = evenDomains(cluster, devices);
        if (devices <= domain) expect(value.scaleUpDomain).toBe(domain);
        else expect(devices % value.scaleUpDomain).toBe(0);
        expect(value.scaleUpDomain % 4).toBe(0);
        for (let larger = value.scaleUpDomain + 4; larger <= Math.min(domain, devices - 1); larger += 4)
          expect(devices % larger).not.toBe(0);
        expect(assumed.length).toBe(value.scaleUpDomain === domain ? 0 : 1);
      }),
    );
  });
});

describe('spellings', () => {
  it('every schedule has a name that sources use, and runs where its rule allows', () => {
    const spelled = {
      gpipe: 'gpipe',
      '1f1b': 'non-interleaved-1f1b',
      interleaved: 'interleaved-vpp3',
      'zb-h1': 'zb-1p',
      'zb-v': 'zbv',
      dualpipe: 'dualpipe',
    } as const;
    for (const schedule of SCHEDULES) {
      const row = gpt({ schedule: spelled[schedule], vp: null, gbs: 64 });
      expect(jobOf(row).layout.schedule).toBe(schedule);
      const short = gpt({ schedule: spelled[schedule], vp: null, gbs: 3 });
      expect(assumedOf(short)).toMatch(
        ['interleaved', 'dualpipe'].includes(schedule) ? /schedule 1f1b, vp 1: / : /flash|unfused/,
      );
    }
    expect(assumedOf(gpt({ schedule: 'zb-2p', vp: null }))).toMatch(/zb-h1: stands for zb-2p/);
  });

  it("every module's own name means itself, alone and beside others", () => {
    fc.assert(
      fc.property(fc.subarray([...RECOMPUTE_MODULES], { minLength: 1 }), (modules) => {
        const { recompute } = jobOf(mixture({ recompute: `selective: ${modules.join('+')}` }));
        if (recompute.kind !== 'selective') throw new Error(recompute.kind);
        expect([...recompute.modules].sort()).toEqual([...modules].sort());
      }),
    );
  });

  it('modules of experts are nothing to a dense model', () => {
    const { recompute } = jobOf(gpt({ recompute: 'selective: moe_act+layernorm' }));
    expect(recompute).toEqual({ kind: 'selective', modules: ['layernorm'] });
  });

  it('a share of the activations is offloaded in whole layers, as near as they come', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.constantFrom(1, 2, 8), (percent, pp) => {
        const row = gpt({
          pp,
          dp: null,
          offload: `fraction ${(percent / 100).toFixed(2)} of activations to CPU, overlapped`,
        });
        const layers = 96 / pp;
        const { activations } = jobOf(row).offload;
        expect(Number((activations * layers).toFixed(9)) % 1).toBe(0);
        expect(Math.abs(activations - percent / 100)).toBeLessThanOrEqual(0.5 / layers + 1e-9);
        const isExact = (percent * layers) % 100 === 0;
        expect(/offload: the activations of/.test(assumedOf(row))).toBe(!isExact);
      }),
    );
    const offloadOf = (offload: string) => jobOf(gpt({ offload })).offload;
    expect(offloadOf('activations of 24 layers to CPU').activations).toBe(0.25);
    expect(offloadOf('optimizer to CPU')).toEqual({ optimizer: 'dram', activations: 0 });
    expect(assumedOf(gpt({ offload: 'the cat' }))).toMatch(/offload none: "the cat" is not predicted/);
  });

  it('experts are taken to be balanced unless the row says that they are, and drop only where it says so', () => {
    expect(assumedOf(mixture())).toMatch(/experts balanced: not stated/);
    const forced = mixture({}, { moe: { experts: 16, topk: 2, moe_ffn: 1024, forced: true, capacity: 1.25 } });
    expect(assumedOf(forced)).not.toMatch(/balanced/);
    expect(jobOf(forced).software.expertCapacity).toBe(1.25);
    expect(jobOf(mixture()).software.expertCapacity).toBeNull();
    expect(jobOf(mixture({ notes: 'token-drop' })).software.expertCapacity).toBe(1);
  });
});

describe('classes', () => {
  it('keep mixtures apart from dense models', () => {
    const classOf = (row: Row): string | null | undefined => gradeAll([row], predictor).rows[0]?.jobClass;
    expect(classOf(mixture())).toBe(`${classOf(gpt())} with experts`);
  });

  it('a field of the wrong kind is no row', () => {
    const bad = { id: 'x', hw: {}, measured: {}, model: { moe: { experts: 'many' } } };
    expect(ROW.safeParse(bad).success).toBe(false);
    expect(ROW.safeParse({ ...bad, model: {}, cp_kind: 'mesh' }).success).toBe(false);
  });
});
