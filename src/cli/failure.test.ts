import assert from "node:assert/strict";
import test from "node:test";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { callError, exitCodeOf, oneLine, usageError } from "./failure.ts";

test("any failure is one line that names what it is about", () => {
  const system = (fields: object): Error =>
    Object.assign(new Error("listen EADDRINUSE: address already in use"), fields);
  const cases: readonly (readonly [unknown, string | RegExp])[] = [
    [new Error("first\n  second"), "first second"],
    ["text", "text"],
    [new Error(""), "Error"],
    [callError("etcdserver: no leader"), "etcdserver: no leader"],
    [
      system({ code: "EADDRINUSE", address: "127.0.0.1", port: 2379 }),
      /^127\.0\.0\.1:2379: address already in use: stop what listens there.* \(EADDRINUSE\)$/,
    ],
    [system({ code: "EACCES", path: "/root/x" }), /^\/root\/x: permission denied/],
    [system({ code: "EWEIRD" }), "listen EADDRINUSE: address already in use"],
    [new AggregateError([system({ code: "ECONNREFUSED", address: "::1", port: 1 })]), /^::1:1: connection refused/],
  ];
  for (const [error, line] of cases) {
    if (typeof line === "string") assert.equal(oneLine(error), line);
    else assert.match(oneLine(error), line);
  }
});

test("the exit code tells wrong use from a failed call", () => {
  assert.equal(exitCodeOf(usageError("x")), 2);
  assert.equal(exitCodeOf(new QuorateError("CONFIG", GrpcStatus.invalidArgument, "x")), 2);
  assert.equal(exitCodeOf(callError("x")), 1);
  assert.equal(exitCodeOf(new Error("x")), 1);
});
