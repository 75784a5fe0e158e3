import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Call } from "../history.ts";
import { lockSafety } from "./lock-safety.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { randomHistory } from "./testing/random-history.ts";
import { compare, put, read, remove, txn } from "./testing/requests.ts";

function check(h: HistoryBuilder): string {
  return lockSafety.check(h.history, h.truth)?.message ?? "fine";
}

/** Creates the lock's key on the client's lease if there is none. */
function acquire(client: number): ReturnType<typeof txn> {
  return txn([compare("lock", "version")], [put("lock", `#${client}#`, { lease: BigInt(client) })], [read("lock")]);
}

function fenceOf({ outcome }: Call): number {
  return outcome?.type === "answered" ? outcome.revision : 0;
}

function withLeases(): HistoryBuilder {
  const h = new HistoryBuilder();
  for (const client of [1, 2, 3]) h.run(client, { type: "leaseGrant", id: BigInt(client), ttl: 5 });
  return h;
}

function pretendGrant(h: HistoryBuilder, client: number, revision: number): Call {
  const responses = [{ type: "put" as const, revision, result: { prevKv: null } }];
  return h.pretend(client, acquire(client), revision, { type: "txn", result: { succeeded: true, responses } });
}

describe("lock safety", () => {
  it("holds in true histories", () => {
    let writes = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 600, clients: 4 });
      assert.equal(lockSafety.check(history, truth)?.message, undefined, `seed ${seed}`);
      writes += history.guardedWrites.length;
    }
    assert.ok(writes > 100, `only ${writes} guarded writes`);
  });

  it("allows one holder after the other, and refuses the one before", () => {
    const h = withLeases();
    const first = fenceOf(h.run(1, acquire(1)));
    h.run(2, acquire(2));
    h.writeGuarded("lock", 1, first, true);
    h.end(1n);
    const second = fenceOf(h.run(2, acquire(2)));
    h.writeGuarded("lock", 1, first, true);
    h.writeGuarded("lock", 2, second, true);
    h.writeGuarded("lock", 1, first, false);
    h.run(2, remove("lock"));
    const third = fenceOf(h.run(1, put("lock", "by hand")));
    h.writeGuarded("lock", 3, third, true);
    assert.equal(check(h), "fine");
  });

  it("allows a holder that never got an answer", () => {
    const h = withLeases();
    const call = h.invoke(1, acquire(1));
    h.perform(call);
    h.lose(call);
    h.writeGuarded("lock", 1, h.store.revision, true);
    h.end(1n);
    h.run(2, acquire(2));
    assert.equal(check(h), "fine");
  });

  it("takes no other transaction for a grant", () => {
    const h = withLeases();
    h.run(1, txn([], [put("lock", "#1#", { lease: 1n })]));
    h.run(2, txn([], [put("lock", "#2#", { lease: 2n })]));
    h.run(2, txn([compare("other", "version")], [put("lock", "#2#", { lease: 2n })]));
    h.run(2, txn([compare("free", "version")], [put("free", "#2#")]));
    assert.equal(check(h), "fine");
  });

  const wrong: Record<string, [(h: HistoryBuilder) => void, RegExp]> = {
    "a lock granted twice": [
      (h) => {
        const first = fenceOf(h.run(1, acquire(1)));
        const events = h.changes.at(-1)?.events ?? [];
        h.run(3, put("other", "x"));
        const second = pretendGrant(h, 2, first + 1);
        const at = h.changes.findIndex(({ revision }) => revision === fenceOf(second));
        const change = h.changes[at];
        if (change === undefined) return;
        const created = events.map((event) => ({
          ...event,
          kv: { ...event.kv, modRevision: first + 1, createRevision: first + 1 },
        }));
        h.changes[at] = { ...change, events: created };
      },
      /lock "lock" was granted to call #4 .* and to call #6 .*, with fences 2 and 3, but was not free in between/,
    ],
    "a fence given twice": [
      (h) => {
        const first = h.run(1, acquire(1));
        pretendGrant(h, 2, fenceOf(first));
      },
      /was granted to call #4 .* and to call #5 .* with fence 2/,
    ],
    "a grant that the log does not know": [
      (h) => {
        h.run(3, put("other", "x"));
        pretendGrant(h, 2, 2);
      },
      /was granted lock "lock" with fence 2, but the log has no creation of it there/,
    ],
    "a fence that falls": [
      (h) => {
        const call = h.invoke(1, acquire(1));
        h.perform(call);
        h.end(1n);
        const other = h.run(2, acquire(2));
        h.return(call);
        const late = h.invoke(1, acquire(1));
        h.return(late, call.outcome);
        h.calls.splice(h.calls.indexOf(call), 1);
        assert.ok(fenceOf(other) > fenceOf(late));
      },
      /the fence of lock "lock" fell from 4 to 2/,
    ],
    "a write of an older holder after one of a newer": [
      (h) => {
        const first = fenceOf(h.run(1, acquire(1)));
        h.end(1n);
        const second = fenceOf(h.run(2, acquire(2)));
        h.writeGuarded("lock", 2, second, true);
        h.writeGuarded("lock", 1, first, true);
      },
      /the resource of lock "lock" accepted a write of client 1 with fence 2 after one with fence 4/,
    ],
    "a resource that refuses the newest holder": [
      (h) => h.writeGuarded("lock", 1, fenceOf(h.run(1, acquire(1))), false),
      /refused a write of client 1 with fence 2, though it had seen none greater than 0/,
    ],
    "two clients with one fence": [
      (h) => {
        const fence = fenceOf(h.run(1, acquire(1)));
        h.writeGuarded("lock", 1, fence, true);
        h.writeGuarded("lock", 2, fence, true);
      },
      /a write of client 2 with fence 2, which is the fence of client 1/,
    ],
    "a fence that is no creation of the key": [
      (h) => {
        h.run(1, acquire(1));
        h.run(1, put("lock", "again", { lease: 1n }));
        h.writeGuarded("lock", 1, h.store.revision, true);
      },
      /but the lock's key was not created at revision 3/,
    ],
  };
  for (const [name, [make, message]] of Object.entries(wrong)) {
    it(`forbids ${name}`, () => {
      const h = withLeases();
      make(h);
      assert.match(check(h), message);
    });
  }
});
