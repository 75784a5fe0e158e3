import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientResult, Truth } from "../history.ts";
import { leaseSafety } from "./lease-safety.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { randomHistory } from "./testing/random-history.ts";
import { ALL_KEYS, put, read, version } from "./testing/requests.ts";

function check(h: HistoryBuilder, truth: Truth = h.truth): string {
  return leaseSafety.check(h.history, truth)?.message ?? "fine";
}

function found(...kvs: ReturnType<typeof version>[]): ClientResult {
  return { type: "range", result: { kvs, count: kvs.length, more: false, keysOnly: false } };
}

const TTL = 10;
const KEPT: ClientResult = { type: "leaseKeepAlive", ttl: TTL };
const X = version("x", "1", 2, { lease: 7n });

/** Lease 7 with `x` (at 2) and `y` (at 3) on it, and `z` (at 4) on none. The grant is at about 2 ms. */
function withLease(): HistoryBuilder {
  const h = new HistoryBuilder();
  h.run(1, { type: "leaseGrant", id: 7n, ttl: TTL });
  h.run(1, put("x", "1", { lease: 7n }));
  h.run(1, put("y", "2", { lease: 7n }));
  h.run(1, put("z", "3"));
  return h;
}

describe("lease safety", () => {
  it("holds in true histories", () => {
    let ended = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 600, clients: 4 });
      assert.equal(leaseSafety.check(history, truth)?.message, undefined, `seed ${seed}`);
      ended += truth.leases.filter(({ revoked }) => revoked !== null).length;
    }
    assert.ok(ended > 100, `only ${ended} leases ended`);
  });

  const fine: Record<string, (h: HistoryBuilder) => void> = {
    "an expiry when its time is over": (h) => {
      h.at += 1_000 * TTL;
      h.end(7n);
      h.run(2, read("x", ALL_KEYS));
      h.run(2, { type: "leaseKeepAlive", id: 7n });
    },
    "an expiry by a clock that runs fast, within the drift": (h) => {
      h.at += 990 * TTL;
      h.end(7n);
    },
    "an expiry long after its time": (h) => {
      h.at += 50_000 * TTL;
      h.end(7n);
    },
    "a renewal, and an expiry after it": (h) => {
      h.at += 5_000;
      h.run(1, { type: "leaseKeepAlive", id: 7n });
      h.at += 1_000 * TTL;
      h.end(7n);
    },
    "a renewal without an answer, which promises nothing": (h) => {
      h.at += 9_000;
      h.lose(h.invoke(1, { type: "leaseKeepAlive", id: 7n }));
      h.at += 1_000;
      h.end(7n);
    },
    "a revocation at once": (h) => {
      h.run(1, { type: "leaseRevoke", id: 7n });
      h.run(2, read("x", ALL_KEYS));
    },
    "a revocation without an answer": (h) => {
      h.lose(h.invoke(1, { type: "leaseRevoke", id: 7n }));
      h.end(7n);
    },
    "another life of the lease and its keys": (h) => {
      h.run(1, { type: "leaseRevoke", id: 7n });
      h.run(1, { type: "leaseGrant", id: 7n, ttl: TTL });
      h.run(1, put("x", "again", { lease: 7n }));
      h.run(2, read("x"));
    },
    "a key that was put on no lease in time": (h) => {
      h.run(1, put("x", "free"));
      h.run(1, { type: "leaseRevoke", id: 7n });
      h.run(2, read("x", ALL_KEYS));
    },
    "a stale serializable read of a key that is gone": (h) => {
      h.run(1, { type: "leaseRevoke", id: 7n });
      h.pretend(2, read("x", { serializable: true }), 4, found(X));
    },
    "a read of a past in which it lived": (h) => {
      h.run(1, { type: "leaseRevoke", id: 7n });
      h.run(2, read("x", { revision: 2 }));
    },
    "a lease without keys that ends": (h) => {
      h.run(1, { type: "leaseGrant", id: 8n, ttl: TTL });
      h.run(1, { type: "leaseRevoke", id: 8n });
    },
  };
  for (const [name, make] of Object.entries(fine)) {
    it(`allows ${name}`, () => {
      const h = withLease();
      make(h);
      assert.equal(check(h), "fine");
    });
  }

  const wrong: Record<string, [(h: HistoryBuilder) => Truth | undefined, RegExp]> = {
    "an expiry before its time": [
      (h) => {
        h.at = 9_000;
        h.end(7n);
        return undefined;
      },
      /lease 7 of 10 s, granted at 2 ms, must live until 9902 ms, but ended at 9001/,
    ],
    "an expiry after a renewal, before its time": [
      (h) => {
        h.at = 8_000;
        h.run(1, { type: "leaseKeepAlive", id: 7n });
        h.at = 12_000;
        h.end(7n);
        return undefined;
      },
      /renewed by call #5 .* at 8001 ms, must live until 17901 ms, but ended at 12001/,
    ],
    "an expiry taken for a revocation that was refused": [
      (h) => {
        h.return(h.invoke(1, { type: "leaseRevoke", id: 7n }), { type: "refused", code: 14, message: "no leader" });
        h.end(7n);
        return undefined;
      },
      /must live until/,
    ],
    "an expiry taken for a revocation of another lease": [
      (h) => {
        h.run(1, { type: "leaseGrant", id: 8n, ttl: TTL });
        h.run(1, { type: "leaseRevoke", id: 8n });
        h.end(7n);
        return undefined;
      },
      /lease 7 of 10 s, granted at 2 ms, must live until/,
    ],
    "a renewal of a lease that had ended": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        h.pretend(2, { type: "leaseKeepAlive", id: 7n }, 5, KEPT);
        return undefined;
      },
      /call #6 .* was acknowledged, but the lease had ended before/,
    ],
    "a lease declared dead that lives": [
      (h) => void h.pretend(2, { type: "leaseKeepAlive", id: 7n }, 4, { type: "leaseKeepAlive", ttl: 0 }),
      /the lease was alive all the time/,
    ],
    "a grant that is not in the log": [
      (h) => void h.pretend(2, { type: "leaseGrant", id: 9n, ttl: 5 }, 4, { type: "leaseGrant", ttl: 5 }),
      /no such lease was granted then/,
    ],
    "a grant for another time": [
      (h) => {
        const call = h.invoke(2, { type: "leaseGrant", id: 9n, ttl: 5 });
        h.perform(call);
        h.return(call, { type: "answered", revision: 4, result: { type: "leaseGrant", ttl: 6 } });
        return undefined;
      },
      /the lease was granted for 5 s/,
    ],
    "a revocation that is not in the log": [
      (h) => void h.pretend(2, { type: "leaseRevoke", id: 7n }, 5, { type: "leaseRevoke" }),
      /the lease had not ended by then/,
    ],
    "a key that its lease leaves behind": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        const changes = h.changes.map((change) =>
          change.revokedLease === null ? change : { ...change, events: change.events.slice(1) },
        );
        return { ...h.truth, changes };
      },
      /lease 7 ended at revision 5, but left "x" behind/,
    ],
    "keys that go one by one": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        const last = h.changes.at(-1);
        const [x, y] = last?.events ?? [];
        if (last === undefined || x === undefined || y === undefined) return undefined;
        const changes = [...h.changes.slice(0, -1), { ...last, events: [x] }, { ...last, revision: 6, events: [y] }];
        return { ...h.truth, changes };
      },
      /lease 7 ended at revision 5, but left "y" behind/,
    ],
    "a key taken along that was not on it": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        const last = h.changes.at(-1);
        const [x] = last?.events ?? [];
        if (last === undefined || x === undefined) return undefined;
        const more = { ...x, kv: { ...x.kv, key: "z" } };
        return { ...h.truth, changes: [...h.changes.slice(0, -1), { ...last, events: [...last.events, more] }] };
      },
      /changed "z", not on it/,
    ],
    "the end of a lease that did not end": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        return { ...h.truth, leases: h.leases.map((lease) => ({ ...lease, revoked: null, revokedRevision: null })) };
      },
      /is the end of lease 7, which did not end then/,
    ],
    "a lease that ends without its keys": [
      (h) => {
        const revoked = h.moment();
        return { ...h.truth, leases: h.leases.map((lease) => ({ ...lease, revoked, revokedRevision: 4 })) };
      },
      /lease 7 ended at revision 4, but "x", "y" still hung on it/,
    ],
    "a key on a lease that had ended": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        h.run(1, put("w", "4", { lease: 7n }));
        return undefined;
      },
      /"w" was put on lease 7 at 6, but the lease ended before, at 5/,
    ],
    "a key on a lease that there was not": [
      (h) => void h.run(1, put("w", "4", { lease: 8n })),
      /"w" was put on lease 8 at 5, before the lease was granted/,
    ],
    "a key seen after its lease's end was committed": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        h.pretend(2, read("x"), 4, found(X));
        return undefined;
      },
      /call #6 .* saw "x"="1"@2 .*, but the end of lease 7 had been committed before/,
    ],
    "a key seen at a revision after its lease's end": [
      (h) => {
        h.run(1, { type: "leaseRevoke", id: 7n });
        h.pretend(2, read("x", { serializable: true }), 5, found(X));
        return undefined;
      },
      /lease 7 ended at revision 5/,
    ],
    "a key seen again after it was seen gone": [
      (h) => {
        h.pretend(2, read("x", ALL_KEYS), 4, found(version("z", "3", 4)));
        h.pretend(3, read("x"), 4, found(X));
        return undefined;
      },
      /call #6 .* saw "x"="1"@2 .* after call #5 .* had seen "x" gone/,
    ],
  };
  for (const [name, [make, message]] of Object.entries(wrong)) {
    it(`forbids ${name}`, () => {
      const h = withLease();
      const truth = make(h) ?? h.truth;
      assert.match(check(h, truth), message);
    });
  }

  it("finds an expiry moved before its time", () => {
    let moved = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 600, clients: 4 });
      const calls = history.calls.filter(({ request }) => request.type === "leaseRevoke");
      const at = truth.leases.findIndex(
        ({ id, revoked }) =>
          revoked !== null && !calls.some(({ request }) => request.type === "leaseRevoke" && request.id === id),
      );
      const lease = truth.leases[at];
      if (lease === undefined || lease.revoked === null) continue;
      moved += 1;
      const early = { ...lease, revoked: { ...lease.revoked, at: lease.granted.at + 1_000 * lease.ttl * 0.9 } };
      assert.notEqual(
        leaseSafety.check(history, { ...truth, leases: truth.leases.with(at, early) }),
        null,
        `seed ${seed}`,
      );
    }
    assert.ok(moved > 10, `only ${moved} histories`);
  });
});
