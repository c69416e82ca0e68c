/** Laws of TensorBoard's event files: what is written can be read by whoever knows the published format. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, eventFileName, eventFileStart, scalarsRecord } from '../../src/report/event-file.ts';
import { scalarsOf } from '../../src/report/run-scalars.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import { eventsIn } from '../worlds/event-reader.ts';

/** RFC 3720, appendix B.4. */
test('the checksum is CRC-32C', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8_ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd_794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
});

test('scalars come back with their tags, their step and their time', () => {
  const anyScalars = fc.record({
    step: fc.oneof(fc.nat(), fc.maxSafeNat()),
    at: fc.double({ min: 0, max: 1e10, noNaN: true }).map(seconds),
    values: fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), fc.float()), { selector: ([tag]) => tag }),
  });
  fc.assert(
    fc.property(fc.array(anyScalars, { maxLength: 4 }), (written) => {
      const records = written.map(({ values, ...one }) => scalarsRecord({ ...one, values: new Map(values) }));
      const read = eventsIn(Buffer.concat(records));
      expect(read.map(({ step, wallTime }) => [step, wallTime])).toEqual(written.map(({ step, at }) => [step, at]));
      expect(read.map(({ scalars }) => scalars)).toEqual(written.map(({ values }) => Object.fromEntries(values)));
    }),
  );
});

test('a file begins with its version, and with the step from which on earlier files of the run are void', () => {
  const [version, start] = eventsIn(eventFileStart({ step: 100, at: seconds(1.5) }));
  expect(version).toEqual({ wallTime: 1.5, step: 0, version: 'brain.Event:2', session: null, scalars: {} });
  expect(start).toEqual({ wallTime: 1.5, step: 100, version: null, session: 1, scalars: {} });
  expect(eventFileName({ at: seconds(1_700_000_000.9), host: 'a', index: 0 })).toBe(
    'events.out.tfevents.1700000000.a.0',
  );
});

test('one altered byte of a record is found', () => {
  const record = scalarsRecord({ step: 3, at: seconds(1), values: new Map([['a', 1]]) });
  fc.assert(
    fc.property(fc.nat(record.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const altered = Uint8Array.from(record);
      altered[at]! ^= flip;
      expect(() => eventsIn(altered)).toThrow(/length|content|bounds/u);
    }),
  );
});

test('a step is shown under the tags of torchtitan, its tokens a second by device', () => {
  const row = {
    step: 10,
    tokens: 4096,
    loss: 2.5,
    learningRate: 1e-3,
    gradientNorm: 0.75,
    gradientFactor: 1,
    time: seconds(0.5),
    tokensPerSecond: 800,
    validationLoss: 2.75,
  };
  const values = scalarsOf({ row, devices: 4, peakMemory: bytes(2 ** 29) });
  expect(Object.fromEntries(values)).toEqual({
    'loss_metrics/global_avg_loss': 2.5,
    grad_norm: 0.75,
    lr: 1e-3,
    n_tokens_seen: 4096,
    'throughput(tps)': 200,
    'time_metrics/end_to_end(s)': 0.5,
    'memory/max_reserved(GiB)': 0.5,
    'validation_metrics/loss': 2.75,
  });
  const untested = scalarsOf({ row: { ...row, validationLoss: null }, devices: 4, peakMemory: bytes(0) });
  expect(untested.has('validation_metrics/loss')).toBe(false);
});
