import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CompareResult, CompareTarget, SortOrder, SortTarget } from "../wire/kv.ts";
import { parseCompare, parseOperation, parseTxn } from "./txn-text.ts";

test("compares, then what is done if they hold, then if not", () => {
  const { request, successDisplay } = parseTxn(
    [
      'mod("key1") > "0"',
      'val("key2")="x y"',
      "",
      'put key1 "overwrote key1"',
      "get key1 --prefix --print-value-only",
      "",
      "del key1",
      "",
    ].join("\n"),
  );
  assert.deepEqual(
    request.compare.map(({ key, target, result, modRevision, value }) => [key, target, result, modRevision, value]),
    [
      ["key1", CompareTarget.mod, CompareResult.greater, 0, ""],
      ["key2", CompareTarget.value, CompareResult.equal, 0, "x y"],
    ],
  );
  assert.deepEqual(
    request.success.map(({ type }) => type),
    ["put", "range"],
  );
  assert.deepEqual(
    request.failure.map(({ type }) => type),
    ["deleteRange"],
  );
  assert.equal(successDisplay[1]?.valuesOnly, true);
});

test("parts may be missing or empty, and lines may end as on Windows", () => {
  const empty = { compare: [], success: [], failure: [] };
  assert.deepEqual(parseTxn("").request, empty);
  assert.deepEqual(parseTxn("\n\n\n\n").request, empty);
  const onlyFailure = parseTxn('ver("a") = "0"\r\n\r\n\r\nget a\r\n').request;
  assert.deepEqual([onlyFailure.compare.length, onlyFailure.success.length, onlyFailure.failure.length], [1, 0, 1]);
});

test("each target and comparison", () => {
  const cases: readonly (readonly [string, object])[] = [
    ['ver("k") = "3"', { target: CompareTarget.version, result: CompareResult.equal, version: 3 }],
    ['version("k") != "3"', { target: CompareTarget.version, result: CompareResult.notEqual, version: 3 }],
    ['c("k") < "3"', { target: CompareTarget.create, result: CompareResult.less, createRevision: 3 }],
    ['create("k") > "3"', { target: CompareTarget.create, result: CompareResult.greater, createRevision: 3 }],
    ['m("k") = "3"', { target: CompareTarget.mod, modRevision: 3 }],
    ['value("k") = "\\x00"', { target: CompareTarget.value, value: "\0" }],
    ['lease("k") = "fF"', { target: CompareTarget.lease, lease: 255n }],
    ['lease("k") = "ffffffffffffffff"', { target: CompareTarget.lease, lease: -1n }],
    ["val(`k`)=`v`", { target: CompareTarget.value, value: "v", key: "k" }],
  ];
  for (const [line, expected] of cases) {
    const compare = parseCompare(line);
    assert.deepEqual({ ...compare, ...expected }, compare, line);
  }
});

test("operations take the options of their verbs", () => {
  const get = parseOperation("get k --prefix --limit 2 --sort-by=MODIFY --order DESCEND --rev 7").op;
  assert.ok(get.type === "range");
  const { key, rangeEnd, limit, revision, sortOrder, sortTarget } = get.request;
  assert.deepEqual([key, rangeEnd, limit, revision], ["k", "l", 2, 7]);
  assert.deepEqual([sortOrder, sortTarget], [SortOrder.descend, SortTarget.mod]);
  const put = parseOperation('put "k é" "v" --lease 1f --prev-kv').op;
  assert.deepEqual(put, {
    type: "put",
    request: { key: "k \xc3\xa9", value: "v", lease: 31n, prevKv: true, ignoreValue: false, ignoreLease: false },
  });
  const del = parseOperation("del a c --prev-kv").op;
  assert.deepEqual(del, { type: "deleteRange", request: { key: "a", rangeEnd: "c", prevKv: true } });
});

describe("what cannot be read is refused with its line", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["mod(key) > 0", /^line 1: "mod\(key\) > 0" is no compare: write target\("key"\) op "value"/],
    ['size("k") = "1"', /^line 1: "size" cannot be compared/],
    ['mod("k") >= "1"', /^line 1: ">=" is no comparison/],
    ['mod("k") = "one"', /^line 1: "one" is no whole number/],
    ['lease("k") = "xyz"', /^line 1: "xyz" is no lease id/],
    ['mod("k") = "1"\n\nput k', /^line 3: put needs a value/],
    ["\nfrobnicate k", /^line 2: "frobnicate k": unknown command 'frobnicate'/],
    ["\nput k v extra", /^line 2: .*too many arguments/],
    ["\nget k --nope", /^line 2: .*unknown option '--nope'/],
    ["\nget k --limit x", /^line 2: .*'--limit <number>' argument 'x' is invalid/],
    ["\nget k l --prefix", /^line 2: range_end and --prefix contradict/],
    ['\nput k "v', /^line 2: the quote in/],
    ["\n\n\nget k", /^line 4 "get k" is behind the end/],
  ];
  for (const [text, message] of cases) {
    test(JSON.stringify(text), () => assert.throws(() => parseTxn(text), { code: "USAGE", message }));
  }
});
