import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { deleteRangeRequest, putRequest, rangeRequest, txnRequest } from "../../keyspace/testing/arbitraries.ts";
import { Model } from "../../keyspace/testing/model.ts";
import type { ResponseOp } from "../../wire/kv.ts";
import type { Call, ClientResult, TrueChange } from "../history.ts";
import { isAnsweredKv, type KvRequest } from "./client-calls.ts";
import { type Execution, executeAnswered, possibleEffects } from "./kv-execution.ts";
import type { StoreView } from "./store-view.ts";
import { ALL_KEYS, compare, put, read, remove, txn, version } from "./testing/requests.ts";
import { TrueStore } from "./true-store.ts";

/** `a` and `b` at revisions 2 and 3, `c` of 4 deleted at 5. */
const CHANGES: TrueChange[] = [
  [version("a", "1", 2)],
  [version("b", "2", 3)],
  [version("c", "3", 4)],
  [version("c", "", 5, { createRevision: 0, version: 0 })],
].map((kvs, at) => ({
  revision: at + 2,
  events: kvs.map((kv) => ({ type: kv.version === 0 ? "delete" : "put", kv, prevKv: null })),
  index: at,
  committed: { at, order: at },
  revokedLease: null,
}));

const STORE = new TrueStore({ changes: CHANGES, leases: [], compactions: [] });

function execute(request: KvRequest, revision: number, result: ClientResult, view: StoreView): Execution {
  const call: Call = {
    id: 1,
    client: 1,
    member: 1n,
    life: 1,
    request,
    invoked: { at: 1, order: 1 },
    returned: { at: 2, order: 2 },
    outcome: { type: "answered", revision, result },
  };
  assert.ok(isAnsweredKv(call));
  return executeAnswered(view, call);
}

function textOf(request: KvRequest, revision: number, result: ClientResult, view: StoreView = STORE.at(5)): string {
  return execute(request, revision, result, view).discrepancy?.text ?? "right";
}

function range(kvs: readonly ReturnType<typeof version>[], count = kvs.length, more = false): ClientResult {
  return { type: "range", result: { kvs, count, more, keysOnly: false } };
}

describe("the execution of an answered call", () => {
  const a = version("a", "1", 2);
  const b = version("b", "2", 3);

  it("takes a right answer", () => {
    assert.equal(textOf(read("a"), 5, range([a])), "right");
    assert.equal(textOf(read("c", { revision: 4 }), 5, range([version("c", "3", 4)])), "right");
    assert.equal(textOf(read("a", { ...ALL_KEYS, limit: 1 }), 5, range([a], 2, true)), "right");
    assert.equal(textOf(put("a", "9", { prevKv: true }), 6, { type: "put", result: { prevKv: a } }), "right");
  });

  it("says what is wrong", () => {
    const wrong: [KvRequest, number, ClientResult, RegExp][] = [
      [read("a"), 5, range([]), /no "a" is told, but it was "a"="1"@2/],
      [read("c"), 5, range([version("c", "3", 4)]), /but there was no "c"/],
      [read("a"), 5, range([version("a", "0", 2)]), /it was "a"="1"@2/],
      [read("a", ALL_KEYS), 5, range([b, a]), /wrong order/],
      [read("a", ALL_KEYS), 5, range([a, a, b]), /twice/],
      [read("a", ALL_KEYS), 5, range([a, b], 3), /count is 3, but there were 2/],
      [read("a", { ...ALL_KEYS, limit: 1 }), 5, range([a], 2, false), /"more" is false/],
      [read("a", { revision: 9 }), 5, range([a]), /must be refused, for it was only 5/],
      [put("a", "9"), 6, { type: "put", result: { prevKv: a } }, /previous version/],
      [put("a", "9", { prevKv: true }), 6, { type: "put", result: { prevKv: null } }, /previous version/],
      [put("x", "", { ignoreValue: true }), 6, { type: "put", result: { prevKv: null } }, /must be refused/],
      [remove("c"), 6, { type: "deleteRange", result: { deleted: 1, prevKvs: [] } }, /there were 0/],
      [remove("a", { prevKv: true }), 6, { type: "deleteRange", result: { deleted: 1, prevKvs: [] } }, /no "a" is/],
      [put("a", "9"), 6, range([a]), /answered with the result of a range/],
    ];
    for (const [request, revision, result, text] of wrong) assert.match(textOf(request, revision, result), text);
  });

  it("judges transactions by their way and by inner headers", () => {
    const request = txn([compare("a", "version", { version: 1 })], [put("x", "1"), read("x")], []);
    const responses = (revisions: readonly number[]): ResponseOp[] => [
      { type: "put", revision: revisions[0] ?? 0, result: { prevKv: null } },
      {
        type: "range",
        revision: revisions[1] ?? 0,
        result: { kvs: [version("x", "1", 6)], count: 1, more: false, keysOnly: false },
      },
    ];
    const answer = (succeeded: boolean, all: readonly ResponseOp[]): ClientResult => ({
      type: "txn",
      result: { succeeded, responses: all },
    });
    assert.equal(textOf(request, 6, answer(true, responses([6, 6]))), "right");
    assert.match(textOf(request, 6, answer(true, responses([5, 6]))), /has revision 5 in its header, but it was 6/);
    assert.match(textOf(request, 5, answer(false, [])), /it failed with these answers.*version\("a"\) = 1/);
    assert.match(textOf(request, 6, answer(true, responses([6, 6]).slice(1))), /it succeeded with these answers/);
  });

  it("takes from the answer what the view does not cover", () => {
    const partial: StoreView = {
      living: (asked, revision) =>
        STORE.at(5)
          .living(asked, revision)
          .filter(({ key }) => key !== "b"),
      covers: ({ key, rangeEnd }) => key !== "b" && rangeEnd === "",
    };
    assert.equal(textOf(read("a", ALL_KEYS), 5, range([a, b]), partial), "right");
    assert.match(textOf(read("a", ALL_KEYS), 5, range([b]), partial), /no "a" is told/);
    assert.equal(
      textOf(remove("a", ALL_KEYS), 6, { type: "deleteRange", result: { deleted: 7, prevKvs: [] } }, partial),
      "right",
    );
    assert.match(
      textOf(remove("a", ALL_KEYS), 6, { type: "deleteRange", result: { deleted: 0, prevKvs: [] } }, partial),
      /0 keys/,
    );
    const way = txn([compare("b", "version", { version: 9 })], [put("a", "9")]);
    const done: ClientResult = {
      type: "txn",
      result: { succeeded: true, responses: [{ type: "put", revision: 6, result: { prevKv: null } }] },
    };
    assert.equal(textOf(way, 6, done, partial), "right");
    assert.match(textOf(way, 6, done), /it succeeded/);
    assert.deepEqual(
      possibleEffects(partial, way, 6).map((changes) => changes.map(({ key }) => key)),
      [["a"], []],
    );
  });
});

describe("the execution, beside a model of the keyspace", () => {
  const request: fc.Arbitrary<KvRequest> = fc.oneof(
    putRequest.map((put) => ({ type: "put" as const, request: { ...put, lease: 0n } })),
    deleteRangeRequest.map((remove) => ({ type: "deleteRange" as const, request: remove })),
    rangeRequest.map((range) => ({ type: "range" as const, request: range })),
    txnRequest(2).map((txn) => ({ type: "txn" as const, request: txn })),
  );

  it("finds its answers right, makes the same changes, and refuses what it refuses", () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 25 }), (requests) => {
        const model = new Model();
        const changes: TrueChange[] = [];
        for (const one of requests) {
          const store = new TrueStore({ changes, leases: [], compactions: [] });
          const before = model.revision;
          const length = model.changes.length;
          const answer = apply(model, one);
          if (answer === null) {
            if (one.type === "put") assert.deepEqual(possibleEffects(store.at(before), one, before + 1), []);
            continue;
          }
          const { discrepancy, changes: made } = execute(one, model.revision, answer, store.at(before));
          assert.equal(discrepancy, null);
          const wanted = model.changes.slice(length);
          assert.deepEqual(
            made.map(({ key, kv }) => kv ?? key),
            wanted.map(({ deleted, ...kv }) => (deleted ? kv.key : kv)),
          );
          assert.deepEqual(possibleEffects(store.at(before), one, before + 1)[0], made);
          if (wanted.length === 0) continue;
          const events = wanted.map(({ deleted, ...kv }) => ({
            type: deleted ? ("delete" as const) : ("put" as const),
            kv,
            prevKv: null,
          }));
          const { revision } = model;
          changes.push({ revision, events, index: 0, committed: { at: 0, order: revision }, revokedLease: null });
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Null: refused. */
function apply(model: Model, request: KvRequest): ClientResult | null {
  if (request.type === "range") {
    try {
      return { type: "range", result: model.range(request.request) };
    } catch {
      return null;
    }
  }
  const result = model.apply(request);
  return result.type === "error"
    ? null
    : ({ type: result.type, result: (result as { result: unknown }).result } as ClientResult);
}
