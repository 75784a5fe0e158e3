import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyIntervals } from "./key-intervals.ts";

const key = fc.integer({ min: 0, max: 40 }).map((n) => String.fromCharCode(40 + n));

test("a key is in the set exactly if one of the added intervals holds it", () => {
  const interval = fc.record({ from: key, to: fc.oneof({ weight: 9, arbitrary: key }, fc.constant(null)) });
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), fc.array(interval, { maxLength: 6 }), (own, others) => {
      const intervals = new KeyIntervals();
      for (const { from, to } of own) intervals.add(from, to);
      const other = new KeyIntervals();
      for (const { from, to } of others) other.add(from, to);
      intervals.addAll(other);
      for (let n = 39; n < 83; n++) {
        const one = String.fromCharCode(n);
        const expected = [...own, ...others].some(({ from, to }) => one >= from && (to === null || one < to));
        assert.equal(intervals.has(one), expected, one);
      }
    }),
  );
});
