import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RangeRequest, RangeResult, ResponseHeader } from "../wire/kv.ts";
import { encodeRangeResponse } from "../wire/kv-codec.ts";
import { NO_RANGE } from "../wire/request-codec.ts";
import { codeOf, Driver, plain } from "./testing/driver.ts";

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
const ALL: RangeRequest = { ...NO_RANGE, key: "\0", rangeEnd: "\0" };

function filled(): Driver {
  const driver = new Driver();
  for (let i = 0; i < 100; i++) driver.put(`k${String(i).padStart(3, "0")}`, "v".repeat(i));
  return driver;
}

function whole(pages: readonly RangeResult[]): unknown {
  const last = pages.at(-1);
  return { kvs: pages.flatMap(({ kvs }) => kvs.map(plain)), more: last?.more, count: last?.count };
}

test("pages together are the range at the revision they began with, whatever is written in between", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.constantFrom(0, 1, 7, 99, 100, 101),
      fc.constantFrom(0, 50, 101),
      fc.boolean(),
      (maxBytes, limit, revision, keysOnly) => {
        const driver = filled();
        const request = { ...ALL, limit, revision, keysOnly };
        const { kvs, more, count } = driver.range(request);
        const pages: RangeResult[] = [];
        for (const page of driver.keyspace.pages(request, maxBytes)) {
          pages.push(page);
          driver.put("k050", "changed");
          driver.put(`k${String(pages.length * 7).padStart(3, "0")}x`);
          driver.delete("k099");
        }
        assert.deepEqual(whole(pages), { kvs: kvs.map(plain), more, count });
        for (const page of pages.slice(0, -1)) {
          assert.deepEqual([page.more, page.count, page.keysOnly], [false, 0, keysOnly]);
          const bytes = page.kvs.reduce((sum, kv) => sum + kv.key.length + (keysOnly ? 0 : kv.value.length), 0);
          assert.ok(page.kvs.length === 1 || bytes <= maxBytes);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a page, encoded, keeps to its size and makes good use of it", () => {
  const driver = new Driver();
  for (let i = 0; i < 50; i++) driver.put(`k${i}`, "v".repeat(1000));
  const sizes = [...driver.keyspace.pages(ALL, 10_000)].map((page) => encodeRangeResponse(NO_HEADER, page).length);
  assert.ok(Math.max(...sizes) <= 10_000, sizes.join(", "));
  assert.ok(sizes.length <= 6, sizes.join(", "));
});

test("a single key, a count and an empty range are one page", () => {
  const driver = filled();
  for (const request of [
    { ...ALL, key: "k001", rangeEnd: "" },
    { ...ALL, countOnly: true },
    { ...ALL, key: "x" },
  ]) {
    const pages = [...driver.keyspace.pages(request, 10)];
    assert.deepEqual(pages, [driver.range(request)]);
  }
});

test("what a stream cannot do is refused at once; a compaction ends one that is behind it", () => {
  const driver = filled();
  const open = (request: Partial<RangeRequest>): unknown => driver.keyspace.pages({ ...ALL, ...request }, 100);
  assert.equal(
    codeOf(() => open({ sortOrder: 2 })),
    "UNIMPLEMENTED",
  );
  assert.equal(
    codeOf(() => open({ sortTarget: 1 })),
    "UNIMPLEMENTED",
  );
  assert.equal(
    codeOf(() => open({ minModRevision: 1 })),
    "UNIMPLEMENTED",
  );
  assert.equal(
    codeOf(() => open({ sortOrder: 1 })),
    "ok",
  );
  assert.equal(
    codeOf(() => open({ revision: 102 })),
    "FUTURE_REVISION",
  );
  const pages = driver.keyspace.pages(ALL, 100);
  pages.next();
  driver.put("x");
  driver.compact(102);
  assert.throws(() => pages.next(), { code: "COMPACTED" });
  assert.equal(
    codeOf(() => open({ revision: 101 })),
    "COMPACTED",
  );
});
