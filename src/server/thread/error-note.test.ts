import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcStatus, InvariantViolation, QuorateError } from "../../errors.ts";
import { errorOf, noteOf } from "./error-note.ts";

function across(error: unknown): Error {
  return errorOf(structuredClone(noteOf(error)));
}

test("an error of ours comes with its code, its advice and its cause", () => {
  const disk = Object.assign(new Error("no such device"), { code: "ENODEV" });
  const error = new QuorateError("STORAGE_FAILED", GrpcStatus.internal, "the log is gone", {
    cause: disk,
    retryable: true,
  });
  const seen = across(error);
  assert.ok(seen instanceof QuorateError);
  const { code, status, retryable, message, stack } = seen;
  assert.deepEqual(
    [code, status, retryable, message, stack],
    ["STORAGE_FAILED", GrpcStatus.internal, true, error.message, error.stack],
  );
  assert.ok(seen.cause instanceof Error && !(seen.cause instanceof QuorateError));
  assert.equal((seen.cause as { code?: unknown }).code, "ENODEV");
});

test("any other error comes with its name, and what is none as its text", () => {
  assert.equal(String(across(new InvariantViolation("match < next"))), "InvariantViolation: match < next");
  assert.equal(across("just words").message, "just words");
  const circle = new Error("a");
  circle.cause = circle;
  assert.equal(across(circle).message, "a");
});
