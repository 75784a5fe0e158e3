import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../../consensus/random.ts";
import type { Call, ClientResult } from "../history.ts";
import { isAnswered, isAnsweredKv, isKvRequest, isSerializable, isUnknown, mayWrite } from "./client-calls.ts";
import { KvModel } from "./kv-model.ts";
import type { KvCall } from "./kv-profiles.ts";
import { KvScope } from "./kv-scope.ts";
import { linearizability } from "./linearizability.ts";
import { findLinearization } from "./linearization-search.ts";
import { existsOrder } from "./testing/exhaustive-search.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { answerMutations, subtleMutations } from "./testing/mutations.ts";
import { type RandomHistory, randomHistory } from "./testing/random-history.ts";
import { ALL_KEYS, compare, put, read, remove, txn, version } from "./testing/requests.ts";

/** Each is checked by trying all orders, too. */
const SMALL_HISTORIES = 1_500;

function check(builder: HistoryBuilder): string {
  return linearizability.check(builder.history, builder.truth)?.message ?? "fine";
}

const PUT_DONE: ClientResult = { type: "put", result: { prevKv: null } };

function range(kvs: readonly ReturnType<typeof version>[]): ClientResult {
  return { type: "range", result: { kvs, count: kvs.length, more: false, keysOnly: false } };
}

describe("linearizability: histories that are", () => {
  it("an empty one", () => assert.equal(check(new HistoryBuilder()), "fine"));

  it("calls one after the other", () => {
    const h = new HistoryBuilder();
    h.run(1, put("a", "1"));
    h.run(2, read("a"));
    h.run(1, txn([compare("a", "value", { value: "1" })], [put("b", "2"), remove("a")], [read("a")]));
    h.run(2, remove("a", ALL_KEYS));
    h.run(2, read("a", ALL_KEYS));
    h.run(2, read("a", { revision: 2 }));
    assert.equal(check(h), "fine");
  });

  it("concurrent ones, whichever came first", () => {
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const h = new HistoryBuilder();
      const calls = [h.invoke(1, put("a", "1")), h.invoke(2, put("a", "2")), h.invoke(3, read("a"))];
      for (const at of order) h.perform(calls[at] as Call);
      for (const call of calls) h.return(call);
      assert.equal(check(h), "fine");
    }
  });

  it("unknown outcomes that happened late, or never", () => {
    const h = new HistoryBuilder();
    h.run(1, put("a", "1"));
    const late = h.invoke(2, remove("a"));
    h.lose(late);
    h.lose(h.invoke(3, put("a", "3")));
    h.run(1, read("a"));
    h.perform(late);
    h.run(1, read("a"));
    h.run(1, put("a", "4"));
    assert.equal(check(h), "fine");
  });

  it("an unknown write that nobody saw, but that the next one counted", () => {
    const h = new HistoryBuilder();
    h.run(1, put("a", "1"));
    const unseen = h.invoke(2, put("a", "2"));
    h.perform(unseen);
    h.lose(unseen);
    h.run(1, put("a", "3"));
    const { outcome } = h.run(1, read("a"));
    assert.ok(outcome?.type === "answered" && outcome.result.type === "range");
    assert.equal(outcome.result.result.kvs[0]?.version, 3);
    assert.equal(check(h), "fine");
  });

  it("unknown transactions that depend on each other", () => {
    const h = new HistoryBuilder();
    h.run(1, put("a", "1"));
    const [first, second] = [
      h.invoke(2, put("b", "go")),
      h.invoke(3, txn([compare("b", "value", { value: "go" })], [put("a", "2")])),
    ];
    h.perform(first);
    h.perform(second);
    h.lose(first);
    h.lose(second);
    h.run(1, read("a"));
    assert.equal(check(h), "fine");
  });

  it("keys on leases that vanish, and what a call says of them beside others", () => {
    const h = new HistoryBuilder();
    h.run(1, { type: "leaseGrant", id: 7n, ttl: 5 });
    h.run(1, put("lease/x", "1", { lease: 7n }));
    h.run(1, put("lock", "1", { lease: 7n }));
    h.run(2, put("a", "1"));
    h.run(2, read("a", ALL_KEYS));
    h.end(7n);
    h.run(2, read("a", ALL_KEYS));
    h.run(2, txn([compare("lock", "version")], [put("a", "2")], [put("a", "3")]));
    h.run(2, remove("a", ALL_KEYS));
    h.run(2, read("a"));
    assert.equal(check(h), "fine");
  });

  it("calls still under way at the end", () => {
    const h = new HistoryBuilder();
    h.perform(h.invoke(1, put("a", "1")));
    h.invoke(2, put("a", "2"));
    h.run(3, read("a"));
    assert.equal(check(h), "fine");
  });

  it("serializable reads of anything", () => {
    const h = new HistoryBuilder();
    h.pretend(1, read("a", { serializable: true }), 99, range([version("a", "?", 98)]));
    assert.equal(check(h), "fine");
  });
});

describe("linearizability: histories that are not", () => {
  function withPuts(): HistoryBuilder {
    const h = new HistoryBuilder();
    h.run(1, put("a", "1"));
    h.run(1, put("b", "2"));
    h.run(1, put("a", "3"));
    return h;
  }

  const cases: Record<string, [(h: HistoryBuilder) => void, RegExp]> = {
    "a stale read": [
      (h) => h.pretend(2, read("a"), 4, range([version("a", "1", 2)])),
      /"a"="1"@2 .* is told, but it was "a"="3"@4/,
    ],
    "a stale read that admits it": [
      (h) => h.pretend(2, read("a"), 3, range([version("a", "1", 2)])),
      /had returned before it was invoked/,
    ],
    "a value that was not written": [
      (h) => h.pretend(2, read("a"), 4, range([version("a", "x", 4, { createRevision: 2, version: 2 })])),
      /contradict|this writes/,
    ],
    "a revision that is too small": [
      (h) => h.pretend(2, put("c", "4"), 3, PUT_DONE),
      /is that of call #2|returned before/,
    ],
    "a revision given twice": [
      (h) => {
        const [one, two] = [h.invoke(1, put("c", "4")), h.invoke(2, put("d", "5"))];
        for (const call of [one, two]) h.return(call, { type: "answered", revision: 5, result: PUT_DONE });
      },
      /revision 5 is that of call #4/,
    ],
    "a lost write": [(h) => h.pretend(2, read("b"), 4, range([])), /no "b" is told, but it was "b"="2"@3/],
    "a write that was refused": [
      (h) => {
        h.return(h.invoke(2, put("c", "4")), { type: "refused", code: 8, message: "no space" });
        h.pretend(1, read("c"), 5, range([version("c", "4", 5)]));
      },
      /nothing in this order has written it/,
    ],
    "an unknown write seen twice at different revisions": [
      (h) => {
        h.lose(h.invoke(2, put("c", "4")));
        h.pretend(1, read("c"), 5, range([version("c", "4", 5)]));
        h.pretend(1, read("c"), 6, range([version("c", "4", 6, { createRevision: 5, version: 2 })]));
      },
      /#\d+ saw "c"="4"@6/,
    ],
    "an unknown write that was seen and then not": [
      (h) => {
        h.lose(h.invoke(2, put("c", "4")));
        h.pretend(1, read("c"), 5, range([version("c", "4", 5)]));
        h.pretend(3, read("c"), 5, range([]));
      },
      /no "c" is told/,
    ],
    "an unknown write seen before it was asked for": [
      (h) => {
        h.pretend(1, read("c"), 5, range([version("c", "4", 5)]));
        h.lose(h.invoke(2, put("c", "4")));
      },
      /nothing in this order has written it/,
    ],
    "two unknown deletions where only one revision is free": [
      (h) => {
        h.lose(h.invoke(2, remove("a")));
        h.lose(h.invoke(3, remove("b")));
        h.pretend(1, read("a", ALL_KEYS), 5, range([]));
      },
      /fits into no order/,
    ],
    "a transaction that went the wrong way": [
      (h) =>
        h.pretend(2, txn([compare("a", "version", { version: 2 })], [], [put("a", "9")]), 5, {
          type: "txn",
          result: { succeeded: false, responses: [{ type: "put", revision: 5, result: { prevKv: null } }] },
        }),
      /it failed with these answers/,
    ],
    "a transaction that shows half of another": [
      (h) => {
        h.pretend(1, txn([], [put("x", "1"), put("y", "1")]), 5, {
          type: "txn",
          result: {
            succeeded: true,
            responses: [
              { type: "put", revision: 5, result: { prevKv: null } },
              { type: "put", revision: 5, result: { prevKv: null } },
            ],
          },
        });
        h.pretend(2, read("x", { rangeEnd: "z" }), 5, range([version("x", "1", 5)]));
      },
      /no "y" is told/,
    ],
    "a read of the past that differs from it": [
      (h) =>
        h.pretend(2, read("a", { revision: 3 }), 4, range([version("a", "3", 4, { createRevision: 2, version: 2 })])),
      /it was "a"="1"@2/,
    ],
    "a read of the future": [(h) => h.pretend(2, read("a", { revision: 9 }), 4, range([])), /must be refused/],
    "a read of what a compaction had taken": [
      (h) => {
        h.run(1, { type: "compact", revision: 3 });
        h.run(2, read("a", { revision: 2 }));
      },
      /was answered, but call #4 .*compact 3.* had returned before/,
    ],
    "a read refused without a compaction": [
      (h) =>
        h.return(h.invoke(2, read("a", { revision: 2 })), {
          type: "refused",
          code: 11,
          message: "etcdserver: mvcc: required revision has been compacted",
        }),
      /nobody compacted/,
    ],
    "a read refused as one of the future": [
      (h) =>
        h.return(h.invoke(2, read("a", { revision: 4 })), {
          type: "refused",
          code: 11,
          message: "etcdserver: mvcc: required revision is a future revision",
        }),
      /refused as being of the future, but call #3/,
    ],
    "answers that contradict each other": [
      (h) => {
        h.lose(h.invoke(2, txn([], [put("c", "4")])));
        h.lose(h.invoke(3, txn([], [put("c", "5")])));
        const one = h.invoke(1, read("c"));
        const other = h.invoke(4, read("c"));
        h.return(one, { type: "answered", revision: 5, result: range([version("c", "4", 5)]) });
        h.return(other, { type: "answered", revision: 5, result: range([version("c", "5", 5)]) });
      },
      /contradict each other/,
    ],
  };
  for (const [name, [spoil, message]] of Object.entries(cases)) {
    it(name, () => {
      const h = withPuts();
      spoil(h);
      assert.match(check(h), message);
    });
  }

  it("takes a refusal for a compaction that may have happened", () => {
    const h = withPuts();
    h.lose(h.invoke(1, { type: "compact", revision: 3 }));
    const refusal = {
      type: "refused",
      code: 11,
      message: "etcdserver: mvcc: required revision has been compacted",
    } as const;
    h.return(h.invoke(2, read("a", { revision: 2 })), refusal);
    assert.equal(check(h), "fine");
    h.return(h.invoke(2, read("a", { revision: 3 })), refusal);
    assert.match(check(h), /nobody compacted/);
  });

  it("tells the calls around it and why no order will do", () => {
    const h = withPuts();
    for (let n = 0; n < 50; n++) h.run(3, put(`other${n}`, "x"));
    h.lose(h.invoke(2, put("a", "lost")));
    h.pretend(4, read("a"), 54, range([version("a", "1", 2)]));
    const lines = check(h).split("\n");
    assert.ok(lines.length <= 31, `${lines.length} lines`);
    assert.match(lines[0] ?? "", /^call #55 \(client 4: read "a"\) has an answer that fits into no order/);
    const shown = lines.filter((line) => / client /.test(line) && / -> /.test(line));
    assert.deepEqual(
      shown.map((line) => /#\d+/.exec(line)?.[0]),
      ["#1", "#3", "#54", "#55"],
    );
    assert.equal(new Set(shown.map((line) => line.indexOf("->"))).size, 1, "not aligned");
    assert.match(lines.at(-2) ?? "", /#55: "a"="1"@2 .* is told, but it was "a"="3"@4/);
    assert.match(lines.at(-1) ?? "", /#54: there is no free revision for it/);
  });
});

describe("linearizability, by chance", () => {
  it("finds an order of histories that have one", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 250, keys: 1 + (seed % 12), unknown: 0.02 * (seed % 6) });
      assert.equal(linearizability.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });

  it("takes the log's word for what hundreds of calls without an answer have done, if that is right", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 1_500, keys: 4, unknown: 0.4 });
      assert.equal(linearizability.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });

  it("finds one thing that was changed in them", () => {
    for (const [name, mutate] of Object.entries(answerMutations)) {
      let found = 0;
      for (let seed = 1; seed <= 15; seed++) {
        const mutated = mutate(randomHistory({ seed, calls: 150, keys: 6, isRich: false }), new SeededRandom(seed));
        if (mutated === null) continue;
        found += 1;
        const violation = linearizability.check(mutated.history, mutated.truth);
        assert.notEqual(violation, null, `${name} was not seen in seed ${seed}`);
        assert.ok((violation?.message.split("\n").length ?? 0) <= 31);
      }
      assert.ok(found >= 8, `${name} was tried ${found} times only`);
    }
  });

  it("says what trying all orders says", () => {
    const counts = { yes: 0, no: 0 };
    for (let seed = 1; seed <= SMALL_HISTORIES; seed++) {
      const random = new SeededRandom(seed);
      const whole = randomHistory({
        seed,
        calls: 4 + random.below(5),
        clients: 4,
        keys: 2,
        unknown: 0.3,
        isRich: false,
      });
      const { history, truth } = spoiled(whole, random);
      const expected = existsOrder(history.calls);
      counts[expected ? "yes" : "no"] += 1;
      // Without a log to take hints from, too: then all is left to the search.
      for (const log of [truth, { ...truth, changes: [] }]) {
        const violation = linearizability.check(history, log);
        assert.equal(violation === null, expected, `seed ${seed}: ${violation?.message}`);
      }
    }
    assert.ok(counts.yes > 500 && counts.no > 150, JSON.stringify(counts));
  });

  it("takes little more steps than there are calls", () => {
    const { calls } = randomHistory({ seed: 6, calls: 3_000 }).history;
    const scope = new KvScope(calls);
    const ordered = calls.filter(
      (call): call is KvCall =>
        isKvRequest(call.request) &&
        !isSerializable(call.request) &&
        (isAnsweredKv(call) || (isUnknown(call) && mayWrite(call.request))),
    );
    const operations = ordered.map((call) => ({
      call,
      invoked: call.invoked.order,
      returned: isAnswered(call) ? call.returned.order : null,
    }));
    const verdict = findLinearization(new KvModel(calls, scope, ordered), operations, 2 * calls.length);
    assert.equal(verdict.type, "linearizable");
  });
});

/** By none, one or several mutations. */
function spoiled(whole: RandomHistory, random: SeededRandom): RandomHistory {
  const mutations = [...Object.values(answerMutations), ...subtleMutations];
  let history = whole;
  for (let count = random.below(6); count > 0; count--) {
    history = mutations[random.below(mutations.length)]?.(history, random) ?? history;
  }
  return history;
}
