import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "./metrics.ts";

test("the page has each family once, with its help and type, and escapes what it must", () => {
  const metrics = new Metrics();
  const calls = metrics.counter("calls_total", "Calls.\nAll of them \\ ever.");
  calls.add(2, { path: 'a"b\\c\nd' });
  calls.add(1, { path: 'a"b\\c\nd' });
  calls.cell({ path: "x" }).value += 5;
  calls.add();
  let level = 0.5;
  metrics.observed("gauge", "level", "Level.", () => level, { unit: "m" });
  level = Number.POSITIVE_INFINITY;
  assert.equal(
    metrics.text(),
    [
      "# HELP calls_total Calls.\\nAll of them \\\\ ever.",
      "# TYPE calls_total counter",
      'calls_total{path="a\\"b\\\\c\\nd"} 3',
      'calls_total{path="x"} 5',
      "calls_total 1",
      "# HELP level Level.",
      "# TYPE level gauge",
      'level{unit="m"} +Inf',
      "",
    ].join("\n"),
  );
});

test("a histogram's buckets are sums, and a value on a bound belongs below it", () => {
  const metrics = new Metrics();
  const sizes = metrics.histogram("sizes", "Sizes.", [1, 2]);
  for (const size of [0.5, 1, 2, 3]) sizes.observe(size);
  assert.deepEqual(metrics.text().split("\n").slice(2, -1), [
    'sizes_bucket{le="1"} 2',
    'sizes_bucket{le="2"} 3',
    'sizes_bucket{le="+Inf"} 4',
    "sizes_sum 6.5",
    "sizes_count 4",
  ]);
});

test("wrong use is refused: a bad or taken name, a counter that falls", () => {
  const metrics = new Metrics();
  metrics.counter("a", "A.");
  assert.throws(() => metrics.counter("a", "A."), /the metric a exists already/);
  assert.throws(() => metrics.counter("a b", "A."), /"a b" cannot be the name of a metric/);
  assert.throws(() => metrics.counter("c", "C.").add(-1), /counter c cannot fall/);
});
