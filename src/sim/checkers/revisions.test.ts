import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientRequest, ClientResult } from "../history.ts";
import { revisions } from "./revisions.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { randomHistory } from "./testing/random-history.ts";
import { put, read, remove } from "./testing/requests.ts";

const PUT_DONE: ClientResult = { type: "put", result: { prevKv: null } };
const NOTHING_DELETED: ClientResult = { type: "deleteRange", result: { deleted: 0, prevKvs: [] } };
const NOTHING_FOUND: ClientResult = { type: "range", result: { kvs: [], count: 0, more: false, keysOnly: false } };

function check(h: HistoryBuilder): string {
  return revisions.check(h.history, h.truth)?.message ?? "fine";
}

describe("revisions", () => {
  it("are in order in true histories", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 200 });
      assert.equal(revisions.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });

  it("may be shared by a change and what only read it, and be in any order among concurrent calls", () => {
    const h = new HistoryBuilder();
    const [one, two] = [h.invoke(1, put("a", "1")), h.invoke(2, put("b", "2"))];
    h.return(one, { type: "answered", revision: 3, result: PUT_DONE });
    h.return(two, { type: "answered", revision: 2, result: PUT_DONE });
    h.pretend(1, read("a"), 3, NOTHING_FOUND);
    h.pretend(1, remove("x"), 3, NOTHING_DELETED);
    h.pretend(1, { type: "leaseGrant", id: 1n, ttl: 5 }, 3, { type: "leaseGrant", ttl: 5 });
    assert.equal(check(h), "fine");
  });

  it("belong to one change only", () => {
    const h = new HistoryBuilder();
    const [one, two] = [h.invoke(1, put("a", "1")), h.invoke(2, put("b", "2"))];
    for (const call of [one, two]) h.return(call, { type: "answered", revision: 2, result: PUT_DONE });
    assert.match(check(h), /^revision 2 was given to two changes, call #1 .* and call #2/);
  });

  const later: [string, ClientRequest, number, ClientResult][] = [
    ["a change with the same one", put("b", "2"), 5, PUT_DONE],
    ["a change with a smaller one", put("b", "2"), 4, PUT_DONE],
    ["a read with a smaller one", read("b"), 4, NOTHING_FOUND],
    ["a deletion of nothing with a smaller one", remove("b"), 4, NOTHING_DELETED],
    ["a compaction with a smaller one", { type: "compact", revision: 2 }, 4, { type: "compact" }],
    ["a grant with a smaller one", { type: "leaseGrant", id: 1n, ttl: 5 }, 4, { type: "leaseGrant", ttl: 5 }],
  ];
  for (const [name, request, revision, result] of later) {
    it(`never go back in real time: ${name}`, () => {
      const h = new HistoryBuilder();
      h.pretend(1, put("a", "1"), 5, PUT_DONE);
      h.pretend(2, request, revision, result);
      assert.match(check(h), /^call #2 .* but was invoked after call #1 .* had returned with 5|given to two/);
    });
  }

  it("of serializable reads and renewals may lie behind", () => {
    const h = new HistoryBuilder();
    h.pretend(1, put("a", "1"), 5, PUT_DONE);
    h.pretend(1, read("a", { serializable: true }), 2, NOTHING_FOUND);
    h.pretend(1, { type: "leaseKeepAlive", id: 1n }, 2, { type: "leaseKeepAlive", ttl: 5 });
    assert.equal(check(h), "fine");
  });
});
