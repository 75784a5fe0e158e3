import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

test("durations are read as Go writes them", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["5s", 5000],
    ["500ms", 500],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["0s", 0],
    ["5", null],
    ["", null],
    ["s", null],
    ["5 s", null],
    ["-5s", null],
    ["5sx", null],
    ["1d", null],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (ms) => {
      assert.equal(Math.round(parseDuration(formatDuration(ms)) ?? -1), ms);
    }),
  );
  assert.equal(formatDuration(90_000), "1m30s");
  assert.equal(formatDuration(3_600_000), "1h");
  assert.equal(formatDuration(1.2344), "1.234ms");
  assert.equal(formatDuration(0), "0ms");
});
