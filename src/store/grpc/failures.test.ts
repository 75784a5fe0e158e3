import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceError } from "@grpc/grpc-js";
import { GrpcStatus } from "../../errors.ts";
import { verdictOf } from "../remote/verdict.ts";
import { failureOf } from "./failures.ts";

function failed(code: GrpcStatus, details: string): ServiceError {
  return Object.assign(new Error(`${code}: ${details}`), { code, details }) as ServiceError;
}

test("an etcd that waited for its cluster in vain and says so in Go's words is left for another", () => {
  for (const details of ["context deadline exceeded", "context canceled"]) {
    const failure = failureOf(failed(GrpcStatus.unknown, details), "127.0.0.1:2379");
    assert.equal(failure.code, "UNAVAILABLE");
    assert.match(failure.message, /127\.0\.0\.1:2379: context/);
    // A read goes on elsewhere, a write may have taken effect.
    assert.deepEqual(verdictOf(failure), { effectOpen: true, remedy: "elsewhere", doubt: "silent" });
  }
});

test("all else of an unknown status is handed on as it is", () => {
  const failure = failureOf(failed(GrpcStatus.unknown, "something else"), "127.0.0.1:2379");
  assert.equal(failure.code, "UNKNOWN");
  assert.equal(verdictOf(failure).remedy, "none");
});
