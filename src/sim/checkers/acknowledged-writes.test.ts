import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TrueChange, Truth } from "../history.ts";
import { acknowledgedWrites } from "./acknowledged-writes.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { randomHistory } from "./testing/random-history.ts";
import { compare, put, read, remove, txn, version } from "./testing/requests.ts";

function check(h: HistoryBuilder, truth: Truth = h.truth): string {
  return acknowledgedWrites.check(h.history, truth)?.message ?? "fine";
}

function change(revision: number, order: number, ...kvs: ReturnType<typeof version>[]): TrueChange {
  return {
    revision,
    events: kvs.map((kv) => ({ type: "put", kv, prevKv: null })),
    index: revision,
    committed: { at: order, order },
    revokedLease: null,
  };
}

const REFUSED = { type: "refused", code: 8, message: "no space" } as const;
const DONE = { type: "put", result: { prevKv: null } } as const;

describe("acknowledged writes", () => {
  it("are in the log of true histories", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 200, unknown: 0.1 });
      assert.equal(acknowledgedWrites.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });

  it("are missed when the log loses one, or has one twice", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 100, isRich: false });
      const at = seed % truth.changes.length;
      const lost = truth.changes.toSpliced(at, 1).map((one, index) => ({ ...one, revision: index + 2 }));
      assert.notEqual(acknowledgedWrites.check(history, { ...truth, changes: lost }), null, `lost, seed ${seed}`);
      const last = truth.changes.at(-1) as TrueChange;
      const again = { ...(truth.changes[at] as TrueChange), revision: last.revision + 1, committed: last.committed };
      const twice = { ...truth, changes: [...truth.changes, again] };
      assert.notEqual(acknowledgedWrites.check(history, twice), null, `twice, seed ${seed}`);
    }
  });

  it("may be of unknown calls, each once, in any order", () => {
    const h = new HistoryBuilder();
    const calls = [h.invoke(1, put("a", "#1#")), h.invoke(2, remove("a")), h.invoke(3, remove("a", { rangeEnd: "c" }))];
    for (const call of calls) h.lose(call);
    h.run(4, put("a", "#4#"));
    h.perform(calls[2] as (typeof calls)[0]);
    h.perform(calls[0] as (typeof calls)[0]);
    h.perform(calls[1] as (typeof calls)[0]);
    assert.equal(check(h), "fine");
  });

  it("may be puts that keep the value of another call", () => {
    const h = new HistoryBuilder();
    h.run(1, put("a", "#1#"));
    h.run(1, put("a", "", { ignoreValue: true }));
    h.perform(h.invoke(1, put("a", "", { ignoreValue: true })));
    assert.equal(check(h), "fine");
  });

  it("may be the end of a lease", () => {
    const h = new HistoryBuilder();
    h.run(1, { type: "leaseGrant", id: 5n, ttl: 9 });
    h.run(1, put("a", "#2#", { lease: 5n }));
    h.end(5n);
    assert.equal(check(h), "fine");
  });

  const wrong: Record<string, [(h: HistoryBuilder) => Truth | undefined, RegExp]> = {
    "one that the log does not have": [
      (h) => void h.pretend(1, put("b", "#2#"), 3, DONE),
      /call #2 .* was acknowledged, but the log has no revision 3/,
    ],
    "one with another effect": [
      (h) => {
        h.pretend(1, put("b", "#2#"), 3, DONE);
        const { changes } = h.truth;
        return { ...h.truth, changes: [...changes, change(3, 3.5, version("b", "#9#", 3))] };
      },
      /was acknowledged, .* revision 3/,
    ],
    "one with more than its effect": [
      (h) => {
        const call = h.invoke(1, put("b", "#2#"));
        const changes = [...h.truth.changes, change(3, h.moment().order, version("b", "#2#", 3), version("c", "?", 3))];
        h.return(call, { type: "answered", revision: 3, result: DONE });
        return { ...h.truth, changes };
      },
      /revision 3 has another effect in the log/,
    ],
    "one that was acknowledged too early": [
      (h) => {
        const call = h.invoke(1, put("b", "#2#"));
        h.return(call, { type: "answered", revision: 3, result: DONE });
        h.store.apply(call.request as ReturnType<typeof put>);
        return { ...h.truth, changes: [...h.truth.changes, change(3, h.moment().order, version("b", "#2#", 3))] };
      },
      /was acknowledged, before revision 3 was committed/,
    ],
    "one at a revision from before it was asked for": [
      (h) => void h.pretend(1, put("a", "#1#"), 2, DONE),
      /revision 2 is older than the call/,
    ],
    "one whose previous version is wrong": [
      (h) => {
        const call = h.invoke(1, put("a", "#2#", { prevKv: true }));
        h.perform(call);
        h.return(call, { type: "answered", revision: 3, result: DONE });
        return undefined;
      },
      /on the store of revision 2: as the previous version no "a"/,
    ],
    "a transaction that went the wrong way": [
      (h) => {
        const call = h.invoke(1, txn([compare("a", "version", { version: 7 })], [put("b", "#2#")]));
        const changes = [...h.truth.changes, change(3, h.moment().order, version("b", "#2#", 3))];
        const responses = [{ type: "put" as const, revision: 3, result: { prevKv: null } }];
        h.return(call, {
          type: "answered",
          revision: 3,
          result: { type: "txn", result: { succeeded: true, responses } },
        });
        return { ...h.truth, changes };
      },
      /it succeeded with these answers/,
    ],
    "a deletion that found nothing, though there was something": [
      (h) => void h.pretend(1, remove("a"), 2, { type: "deleteRange", result: { deleted: 0, prevKvs: [] } }),
      /on the store of revision 2: 0 keys are told to be deleted/,
    ],
    "the end of a lease taken for a change": [
      (h) => {
        h.grant(5n, 9);
        h.run(1, put("b", "#2#", { lease: 5n }));
        h.end(5n);
        h.pretend(1, remove("b"), 4, { type: "deleteRange", result: { deleted: 1, prevKvs: [] } });
        return undefined;
      },
      /revision 4 is the end of lease 5/,
    ],
    "a refused one that is in the log": [
      (h) => {
        const call = h.invoke(1, put("b", "#2#"));
        h.perform(call);
        h.return(call, REFUSED);
        return undefined;
      },
      /call #2 .* was refused, but is in the log at 3/,
    ],
    "an unknown one that is in the log twice": [
      (h) => {
        const call = h.invoke(1, put("b", "#2#"));
        h.perform(call);
        h.perform(call);
        h.lose(call);
        return undefined;
      },
      /call #2 .* is in the log twice, at 3 and at 4/,
    ],
    "an acknowledged one that is in the log twice": [
      (h) => {
        const call = h.invoke(1, put("b", "#2#"));
        h.perform(call);
        h.return(call);
        h.perform(call);
        return undefined;
      },
      /call #2 .* was acknowledged at 3, but is in the log at 4, too/,
    ],
    "an unknown deletion that was made twice": [
      (h) => {
        const call = h.invoke(1, remove("a"));
        h.perform(call);
        h.lose(call);
        h.run(2, put("a", "#3#"));
        h.perform(call);
        return undefined;
      },
      /revision 5 of the log was made by no call/,
    ],
    "an unknown one that is in the log before it was asked for": [
      (h) => {
        const early = change(3, h.moment().order, version("b", "#2#", 3));
        h.lose(h.invoke(1, put("b", "#2#")));
        return { ...h.truth, changes: [...h.truth.changes, early] };
      },
      /made by no call/,
    ],
    "a change that nobody asked for": [
      (h) => ({ ...h.truth, changes: [...h.truth.changes, change(3, h.moment().order, version("b", "?", 3))] }),
      /revision 3 of the log was made by no call/,
    ],
    "a log with a gap": [
      (h) => ({ ...h.truth, changes: [...h.truth.changes, change(4, h.moment().order, version("b", "?", 4))] }),
      /change 1 has revision 4, not 3/,
    ],
    "a revision that changes nothing": [
      (h) => ({ ...h.truth, changes: [...h.truth.changes, change(3, h.moment().order)] }),
      /revision 3 changes nothing/,
    ],
  };
  for (const [name, [spoil, message]] of Object.entries(wrong)) {
    it(`finds ${name}`, () => {
      const h = new HistoryBuilder();
      h.run(1, put("a", "#1#"));
      const truth = spoil(h) ?? h.truth;
      assert.match(check(h, truth), message);
    });
  }

  it("leaves reads to others", () => {
    const h = new HistoryBuilder();
    h.pretend(1, read("a"), 77, { type: "range", result: { kvs: [], count: 9, more: false, keysOnly: false } });
    assert.equal(check(h), "fine");
  });
});
