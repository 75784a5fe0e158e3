import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alignedTable, callTable, requestText, violation } from "./narration.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { ALL_KEYS, compare, put, read, remove, txn } from "./testing/requests.ts";

describe("narration", () => {
  it("tells requests", () => {
    const told: [Parameters<typeof requestText>[0], string][] = [
      [put("a", "1", { lease: 5n, prevKv: true }), 'put "a"="1" lease 5 tell previous'],
      [put("a", "", { ignoreValue: true, ignoreLease: true }), 'put "a"=(same) same lease'],
      [
        read("a", { ...ALL_KEYS, revision: 4, limit: 2, keysOnly: true }),
        'read ["\\u0000", end) at 4 limit 2 keys only',
      ],
      [read("a", { countOnly: true, serializable: true }), 'read "a" serializable count only'],
      [remove("a", { rangeEnd: "c" }), 'delete ["a", "c")'],
      [
        txn(
          [compare("a", "mod", { modRevision: 3, result: 1 }), compare("b", "value", { value: "x" })],
          [txn([], [])],
          [remove("a")],
        ),
        'txn if mod("a") > 3 and value("b") = "x" then (txn if true then nothing else nothing) else delete "a"',
      ],
      [{ type: "compact", revision: 9 }, "compact 9"],
      [{ type: "leaseGrant", id: 3n, ttl: 5 }, "grant lease 3 for 5 s"],
      [{ type: "leaseRevoke", id: 3n }, "revoke lease 3"],
      [{ type: "leaseKeepAlive", id: 3n }, "keep lease 3 alive"],
    ];
    for (const [request, text] of told) assert.equal(requestText(request), text);
  });

  it("tells calls in the order of their invocation, in columns", () => {
    const h = new HistoryBuilder();
    const first = h.run(1, put("a", "1"));
    const later = h.invoke(12, read("a"));
    const lost = h.invoke(3, remove("a", { prevKv: true }));
    h.lose(lost);
    assert.deepEqual(callTable([lost, later, first]), [
      "ms                 call",
      '1 to 3  client 1   #1    put "a"="1"               -> revision 2',
      '4 to -  client 12  #2    read "a"                  -> under way',
      '5 to 6  client 3   #3    delete "a" tell previous  -> unknown: timed out',
    ]);
  });

  it("cuts what is too long", () => {
    const [row] = alignedTable([["x".repeat(1_000)]]);
    assert.ok((row?.length ?? 0) < 200);
    const lines = Array.from({ length: 100 }, (_, at) => `line ${at}`);
    const told = violation("a property", "something is wrong", lines).message.split("\n");
    assert.equal(told.length, 30);
    assert.equal(told.at(-1), "  (100 lines in all)");
  });
});
