import assert from "node:assert/strict";
import { test } from "node:test";
import type { RangeRequest } from "../wire/kv.ts";
import { codeOf, Driver } from "./testing/driver.ts";

/** Revisions 2 to 6; versions a:1 b:2 c:1 d:1. */
function filled(): Driver {
  const driver = new Driver();
  driver.put("a", "3");
  driver.put("b", "2");
  driver.put("c", "1");
  driver.put("b", "4");
  driver.put("d", "0");
  return driver;
}

test("an empty store has revision 1, its first write makes 2, and nothing is compacted", () => {
  const driver = new Driver();
  assert.deepEqual([driver.keyspace.revision, driver.keyspace.compactRevision], [1, -1]);
  driver.put("a");
  assert.equal(driver.keyspace.revision, 2);
  assert.deepEqual(driver.range({}).count, 1);
});

test("range ends: one key, half-open, everything from a key on, and empty ranges", () => {
  const driver = filled();
  const table: [Partial<RangeRequest>, string[]][] = [
    [{ key: "b", rangeEnd: "" }, ["b"]],
    [{ key: "bb", rangeEnd: "" }, []],
    [{ key: "a", rangeEnd: "c" }, ["a", "b"]],
    [{ key: "b", rangeEnd: "\0" }, ["b", "c", "d"]],
    [{ key: "\0", rangeEnd: "\0" }, ["a", "b", "c", "d"]],
    [{ key: "c", rangeEnd: "c" }, []],
    [{ key: "c", rangeEnd: "a" }, []],
    [{ key: "e", rangeEnd: "\0" }, []],
  ];
  for (const [request, keys] of table) {
    assert.deepEqual(driver.keys(request), keys);
    assert.equal(driver.range(request).count, keys.length);
    assert.deepEqual(driver.range({ ...request, countOnly: true }), {
      kvs: [],
      more: false,
      count: keys.length,
      keysOnly: false,
    });
    assert.equal(driver.range({ ...request, countOnly: true, revision: 6 }).count, keys.length);
  }
});

test("count is of the whole range, past the limit and before the filters; more is after them", () => {
  const driver = filled();
  const table: [Partial<RangeRequest>, string[], boolean, number][] = [
    [{ limit: 2 }, ["a", "b"], true, 4],
    [{ limit: 4 }, ["a", "b", "c", "d"], false, 4],
    [{ limit: 9 }, ["a", "b", "c", "d"], false, 4],
    [{ limit: -1 }, ["a", "b", "c", "d"], false, 4],
    [{ limit: 2, revision: 3 }, ["a", "b"], false, 2],
    [{ limit: 1, revision: 3 }, ["a"], true, 2],
    [{ minModRevision: 4 }, ["b", "c", "d"], false, 4],
    [{ maxModRevision: 4 }, ["a", "c"], false, 4],
    [{ minModRevision: 4, maxModRevision: 5 }, ["b", "c"], false, 4],
    [{ minCreateRevision: 3, maxCreateRevision: 4 }, ["b", "c"], false, 4],
    [{ minModRevision: 4, limit: 2 }, ["b", "c"], true, 4],
    [{ minModRevision: 4, limit: 3 }, ["b", "c", "d"], false, 4],
    [{ key: "a", rangeEnd: "", minModRevision: 9 }, [], false, 1],
    [{ limit: 1, countOnly: true }, [], false, 4],
  ];
  for (const [request, keys, more, count] of table) {
    const result = driver.range(request);
    assert.deepEqual([result.kvs.map(({ key }) => key), result.more, result.count], [keys, more, count]);
  }
});

test("sorting by each target and order; a target without order ascends, but sorts only limit + 1 keys", () => {
  const driver = filled();
  const table: [Partial<RangeRequest>, string[]][] = [
    [{ sortOrder: 0, sortTarget: 0 }, ["a", "b", "c", "d"]],
    [{ sortOrder: 1, sortTarget: 0 }, ["a", "b", "c", "d"]],
    [{ sortOrder: 2, sortTarget: 0 }, ["d", "c", "b", "a"]],
    [{ sortOrder: 2, sortTarget: 0, limit: 1 }, ["d"]],
    [{ sortOrder: 2, sortTarget: 0, limit: 2, revision: 4 }, ["c", "b"]],
    [{ sortOrder: 2, sortTarget: 1, limit: 1 }, ["b"]],
    [{ sortOrder: 1, sortTarget: 2 }, ["a", "b", "c", "d"]],
    [{ sortOrder: 2, sortTarget: 2 }, ["d", "c", "b", "a"]],
    [{ sortOrder: 1, sortTarget: 3 }, ["a", "c", "b", "d"]],
    [{ sortOrder: 2, sortTarget: 3, limit: 2 }, ["d", "b"]],
    [{ sortOrder: 1, sortTarget: 4 }, ["d", "c", "a", "b"]],
    [{ sortOrder: 2, sortTarget: 4 }, ["b", "a", "c", "d"]],
    [{ sortOrder: 0, sortTarget: 4 }, ["d", "c", "a", "b"]],
    [{ sortOrder: 0, sortTarget: 4, limit: 1 }, ["a"]],
    [{ sortOrder: 0, sortTarget: 4, limit: 2 }, ["c", "a"]],
    [{ sortOrder: 1, sortTarget: 4, limit: 1 }, ["d"]],
  ];
  for (const [request, keys] of table) assert.deepEqual(driver.keys(request), keys, JSON.stringify(request));
  assert.deepEqual(driver.range({ sortOrder: 2, limit: 1 }).count, 4);
});

test("revisions: 0 and below is now, the compacted one is still readable, below it and the future are not", () => {
  const driver = filled();
  assert.deepEqual(driver.get("b", 0)?.value, "4");
  assert.deepEqual(driver.get("b", -7)?.value, "4");
  assert.deepEqual(driver.get("b", 4)?.value, "2");
  assert.deepEqual(driver.keys({ revision: 1 }), []);
  driver.compact(4);
  assert.deepEqual(driver.get("b", 4)?.value, "2");
  assert.equal(
    codeOf(() => driver.get("b", 3)),
    "COMPACTED",
  );
  assert.equal(
    codeOf(() => driver.range({ revision: 3, countOnly: true })),
    "COMPACTED",
  );
  assert.equal(
    codeOf(() => driver.range({ revision: 7 })),
    "FUTURE_REVISION",
  );
});

test("keys only keeps what is beside the value; the codec leaves the value out", () => {
  const driver = filled();
  assert.equal(driver.range({ keysOnly: true }).keysOnly, true);
  assert.deepEqual(driver.keys({ keysOnly: true, sortTarget: 4, sortOrder: 1 }), ["d", "c", "a", "b"]);
});

test("keys and values may hold any bytes", () => {
  const driver = new Driver();
  for (const key of ["\xff\xff", "\0", "\x80", "\0\0", "~"]) driver.put(key, `${key}\0\xff`);
  assert.deepEqual(driver.keys(), ["\0", "\0\0", "~", "\x80", "\xff\xff"]);
  assert.deepEqual(driver.get("\x80")?.value, "\x80\0\xff");
});
