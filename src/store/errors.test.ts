import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { GrpcStatus, type QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { CallFailure } from "./channel.ts";
import { remoteError, storeErrors } from "./errors.ts";
import { verdictOf } from "./remote/verdict.ts";

describe("what a member answers", () => {
  test("has etcd's own code by its text, whatever its status", () => {
    for (const [name, make] of Object.entries(etcdErrors)) {
      const { code, status, retryable, message } = make();
      assert.deepEqual(remoteError(status, message), { code, status, retryable }, name);
      assert.equal(remoteError(GrpcStatus.unknown, message).code, code, name);
    }
  });

  test("has the status' name if the text is none of etcd's", () => {
    assert.deepEqual(remoteError(12, "x"), { code: "UNIMPLEMENTED", status: 12, retryable: false });
    assert.deepEqual(remoteError(4, "x"), { code: "DEADLINE_EXCEEDED", status: 4, retryable: false });
    assert.equal(remoteError(14, "x").retryable, true);
    assert.deepEqual(remoteError(99, "x"), { code: "UNKNOWN", status: 2, retryable: false });
  });

  test("leaves a write open exactly where the server may have proposed it", () => {
    const open = Object.entries(etcdErrors)
      .filter(([, make]) => verdictOf(CallFailure.answered(make().status, make().message)).effectOpen)
      .map(([name]) => name);
    assert.deepEqual(open, [
      "notEnoughStartedMembers",
      "leaderChanged",
      "serverStopped",
      "timeout",
      "timeoutDueToLeaderFail",
      "timeoutDueToConnectionLost",
      "timeoutWaitAppliedIndex",
      "unhealthy",
      "corrupt",
      "watchCanceled",
      "requestCanceled",
      "deadlineExceeded",
    ]);
  });
});

test("the table of codes names every error that a store makes, and says truly whether to try again", () => {
  const source = readFileSync(new URL("./errors.ts", import.meta.url), "utf8");
  const rows = new Map(
    Array.from(source.matchAll(/^ \* \| `([A-Z_]+)` \|.*\| (yes|no)[^|]*\|$/gm), ([, code = "", retryable]) => [
      code,
      retryable,
    ]),
  );
  const cause = new Error("cause");
  const made: QuorateError[] = [
    storeErrors.outcomeUnknown("x", cause),
    storeErrors.timeout("x", 1, null),
    storeErrors.aborted("x", cause),
    storeErrors.closed("x"),
    storeErrors.unavailable("x", []),
    storeErrors.noLeader("x", cause),
    storeErrors.compacted(1, 2),
    storeErrors.unauthenticated("x"),
    storeErrors.permissionDenied("x"),
    storeErrors.watchCanceled("x"),
    storeErrors.invalidArgument("x"),
  ];
  assert.equal(made.length, Object.keys(storeErrors).length);
  for (const { code, retryable } of made) assert.equal(rows.get(code), retryable ? "yes" : "no", code);
  assert.deepEqual(
    new Set(rows.keys()),
    new Set([...made.map(({ code }) => code), "REQUEST_TOO_LARGE", "RESPONSE_TOO_LARGE"]),
  );
});
