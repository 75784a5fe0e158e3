import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcStatus } from "../../errors.ts";
import { verdictOf } from "../remote/verdict.ts";
import { failureOf, failureOfFault } from "./failures.ts";

const HERE = "127.0.0.1:2379";

test("an etcd that waited for its cluster in vain and says so in Go's words is left for another", () => {
  for (const text of ["context deadline exceeded", "context canceled"]) {
    const failure = failureOf(GrpcStatus.unknown, text, HERE);
    assert.equal(failure.code, "UNAVAILABLE");
    assert.match(failure.message, /127\.0\.0\.1:2379: context/);
    // A read goes on elsewhere, a write may have taken effect.
    assert.deepEqual(verdictOf(failure), { effectOpen: true, remedy: "elsewhere", doubt: "silent" });
  }
});

test("all else of an unknown status is handed on as it is", () => {
  const failure = failureOf(GrpcStatus.unknown, "something else", HERE);
  assert.equal(failure.code, "UNKNOWN");
  assert.equal(verdictOf(failure).remedy, "none");
});

test("what no member said leaves a write open, unless it certainly has not arrived", () => {
  const whys = ["lost", "overdue", "broken"] as const;
  for (const why of whys) {
    const fault = { why, status: GrpcStatus.internal, text: "so", mayHaveArrived: true };
    assert.equal(verdictOf(failureOfFault(fault, HERE)).effectOpen, true, why);
    const failure = failureOfFault({ ...fault, mayHaveArrived: false }, HERE);
    assert.deepEqual(verdictOf(failure), { effectOpen: false, remedy: "elsewhere", doubt: null }, why);
  }
  const tooLarge = { why: "tooLarge", status: GrpcStatus.resourceExhausted, text: "", mayHaveArrived: true } as const;
  assert.equal(verdictOf(failureOfFault(tooLarge, HERE)).effectOpen, true);
});
