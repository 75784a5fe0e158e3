import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Call, ClientResult } from "../history.ts";
import { sessionGuarantees } from "./session-guarantees.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { randomHistory } from "./testing/random-history.ts";
import { ALL_KEYS, put, read, remove, txn, version } from "./testing/requests.ts";

function check(h: HistoryBuilder): string {
  return sessionGuarantees.check(h.history, h.truth)?.message ?? "fine";
}

function found(...kvs: ReturnType<typeof version>[]): ClientResult {
  return { type: "range", result: { kvs, count: kvs.length, more: false, keysOnly: false } };
}

const SERIALIZABLE = { serializable: true };
const A1 = version("a", "1", 2);
const A2 = version("a", "2", 3, { createRevision: 2, version: 2 });

/** `a` is put at 2 and 3, `b` at 4. */
function withPuts(): HistoryBuilder {
  const h = new HistoryBuilder();
  h.run(1, put("a", "1"));
  h.run(1, put("a", "2"));
  h.run(1, put("b", "3"));
  return h;
}

describe("session guarantees", () => {
  it("hold in true histories", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 300, keys: 5 });
      assert.equal(sessionGuarantees.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });

  const fine: Record<string, (h: HistoryBuilder) => void> = {
    "stale serializable reads": (h) => {
      h.pretend(2, read("a", SERIALIZABLE), 2, found(A1));
      h.pretend(2, read("a", SERIALIZABLE), 2, found(A1));
      h.pretend(2, read("a", SERIALIZABLE), 3, found(A2));
    },
    "staler ones of another client": (h) => {
      h.pretend(2, read("a", SERIALIZABLE), 3, found(A2));
      h.pretend(3, read("a", SERIALIZABLE), 2, found(A1));
    },
    "staler ones on another member": (h) => {
      h.pretend(2, read("a", SERIALIZABLE), 3, found(A2));
      h.pretend(2, read("a", SERIALIZABLE), 2, found(A1), 2n);
    },
    "staler ones after a restart": (h) => {
      h.pretend(2, read("a", SERIALIZABLE), 3, found(A2));
      const call = h.pretend(2, read("a", SERIALIZABLE), 2, found(A1));
      h.calls[h.calls.indexOf(call)] = { ...call, life: 2 };
    },
    "serializable reads that do not see the client's own write": (h) => {
      h.pretend(1, read("a", SERIALIZABLE), 2, found(A1), 2n);
    },
    "serializable transactions": (h) => {
      h.pretend(2, txn([], [read("a", SERIALIZABLE)]), 2, {
        type: "txn",
        result: {
          succeeded: true,
          responses: [{ type: "range", revision: 2, result: { kvs: [A1], count: 1, more: false, keysOnly: false } }],
        },
      });
    },
    "a key of its own that another one deleted": (h) => {
      h.run(2, remove("a"));
      h.run(1, read("a"));
      h.run(1, read("a", ALL_KEYS));
    },
    "a key of its own that another one put again": (h) => {
      h.run(2, put("a", "4"));
      h.run(1, read("a"));
    },
    "a read of the past": (h) => void h.run(1, read("a", { revision: 2 })),
    "a read that tells no keys": (h) => void h.run(1, read("a", { countOnly: true })),
  };
  for (const [name, make] of Object.entries(fine)) {
    it(`allow ${name}`, () => {
      const h = withPuts();
      make(h);
      assert.equal(check(h), "fine");
    });
  }

  const wrong: Record<string, [(h: HistoryBuilder) => Call, RegExp]> = {
    "a serializable read of what never was": [
      (h) => h.pretend(2, read("a", SERIALIZABLE), 3, found(A1)),
      /is not what was at revision 3: "a"="1"@2 .* is told, but it was "a"="2"@3/,
    ],
    "a serializable read that misses a key": [
      (h) => h.pretend(2, read("a", { ...ALL_KEYS, ...SERIALIZABLE }), 4, found(A2)),
      /not what was at revision 4: no "b"/,
    ],
    "a serializable read of what is still to come": [
      (h) => h.pretend(2, read("a", SERIALIZABLE), 9, found(A2)),
      /read revision 9, but the log ends at 4/,
    ],
    "a serializable read of what is not committed yet": [
      (h) => {
        const call = h.pretend(2, read("a", SERIALIZABLE), 5, found(A2));
        h.run(1, put("c", "4"));
        return call;
      },
      /read revision 5 before it was committed/,
    ],
    "serializable reads that go back": [
      (h) => {
        h.pretend(2, read("a", SERIALIZABLE), 3, found(A2));
        return h.pretend(2, read("a", SERIALIZABLE), 2, found(A1));
      },
      /not monotonic: the reads of client 2 went back on member 1 from revision 3 to 2/,
    ],
    "a read that does not see the client's own write": [
      (h) => h.pretend(1, read("a"), 3, found(A2)),
      /its own write is not read: call #4 .* read revision 3, after call #3 .* at 4/,
    ],
    "a read of an older version than its own": [
      (h) => h.pretend(1, read("a"), 4, found(A1)),
      /its own write is not read: call #4 .* saw "a"="1"@2 .*, after call #2/,
    ],
    "a read that misses its own key": [
      (h) => h.pretend(1, read("a"), 4, found()),
      /call #4 .* found no "a", after call #2 .* nobody has deleted it/,
    ],
    "a range that misses its own key": [
      (h) => h.pretend(1, read("a", ALL_KEYS), 4, found(version("b", "3", 4))),
      /found no "a"/,
    ],
    "a write from before what was read": [
      (h) => {
        h.pretend(2, read("a"), 4, found(A2));
        return h.pretend(2, put("c", "4"), 4, { type: "put", result: { prevKv: null } });
      },
      /writes do not follow reads: call #5 .* has revision 4, but call #4 .* had seen 4/,
    ],
    "a write on one member from before what was read on another": [
      (h) => {
        h.pretend(2, read("a", SERIALIZABLE), 4, found(A2));
        return h.pretend(2, put("c", "4"), 3, { type: "put", result: { prevKv: null } }, 2n);
      },
      /writes do not follow reads/,
    ],
  };
  for (const [name, [spoil, message]] of Object.entries(wrong)) {
    it(`forbid ${name}`, () => {
      const h = withPuts();
      spoil(h);
      assert.match(check(h), message);
    });
  }

  it("find a serializable read whose revision was changed", () => {
    let found = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 300, keys: 3 });
      const at = history.calls.findLastIndex(
        ({ request, outcome }) =>
          request.type === "range" &&
          request.request.serializable &&
          outcome?.type === "answered" &&
          outcome.revision > 20,
      );
      const call = history.calls[at];
      if (call?.outcome?.type !== "answered") continue;
      found += 1;
      const stale: Call = { ...call, outcome: { ...call.outcome, revision: 5 } };
      const calls = history.calls.with(at, stale);
      assert.notEqual(sessionGuarantees.check({ ...history, calls }, truth), null, `seed ${seed}`);
    }
    assert.ok(found > 10, `only ${found} histories`);
  });
});
