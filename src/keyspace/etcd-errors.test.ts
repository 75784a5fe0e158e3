import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { type EtcdErrorName, etcdErrors } from "./etcd-errors.ts";

/** From etcd's API: texts without their prefix, by the status they are declared with. */
const DECLARED: Readonly<Partial<Record<keyof typeof GrpcStatus, readonly string[]>>> = {
  invalidArgument: [
    "key is not provided",
    "key not found",
    "value is provided",
    "lease is provided",
    "too many operations in txn request",
    "duplicate key given in txn request",
    "invalid client api version",
    "invalid sort option",
    "given member URLs are invalid",
    "request is too large",
    "user name is empty",
    "role name is empty",
    "authentication failed, invalid user ID or password",
    "permission not given",
    "invalid auth management",
    "revision of auth store is old",
    "wrong downgrade target version format",
    "invalid downgrade target version",
  ],
  outOfRange: [
    "mvcc: required revision has been compacted",
    "mvcc: required revision is a future revision",
    "too large lease TTL",
  ],
  resourceExhausted: ["mvcc: database space exceeded"],
  notFound: ["requested lease not found", "member not found"],
  failedPrecondition: [
    "lease already exists",
    "member ID already exist",
    "Peer URLs already exists",
    "can only promote a learner member",
    "can only promote a learner member which is in sync with leader",
    "too many learner members in cluster",
    "cluster ID mismatch",
    "root user does not exist",
    "root user does not have root role",
    "user name already exists",
    "user name not found",
    "role name already exists",
    "role name not found",
    "role is not granted to the user",
    "permission is not granted to the role",
    "authentication is not enabled",
    "not leader",
    "not capable",
    "rpc not supported for learner",
    "bad leader transferee",
    "cluster version not found during downgrade",
    "cluster has a downgrade job in progress",
    "no inflight downgrade job",
  ],
  unavailable: [
    "no leader",
    "leader changed",
    "server stopped",
    "request timed out",
    "request timed out, possibly due to previous leader failure",
    "request timed out, possibly due to connection lost",
    "request timed out, waiting for the applied index took too long",
    "unhealthy cluster",
  ],
  permissionDenied: ["permission denied"],
  unauthenticated: ["invalid auth token"],
  dataLoss: ["corrupt cluster"],
  cancelled: ["watch canceled", "request canceled"],
  deadlineExceeded: ["context deadline exceeded"],
  // Sent with this status, though declared with another.
  unknown: ["too many requests", "re-configuration failed due to not enough started members"],
};

test("all 63 errors of etcd are here, with their status and exact text, each under a code of its own", () => {
  const errors = (Object.keys(etcdErrors) as EtcdErrorName[]).map((name) => etcdErrors[name]());
  assert.equal(errors.length, 63);
  assert.equal(new Set(errors.map(({ code }) => code)).size, 63);
  const expected = Object.entries(DECLARED).flatMap(([status, texts]) =>
    texts.map((text) => `${GrpcStatus[status as keyof typeof GrpcStatus]} etcdserver: ${text}`),
  );
  assert.deepEqual(errors.map(({ status, message }) => `${status} ${message}`).sort(), expected.sort());
  for (const error of errors) {
    assert.ok(error instanceof QuorateError);
    assert.match(error.code, /^[A-Z][A-Z_]+$/);
  }
});

test("a call that may succeed later says so", () => {
  assert.equal(etcdErrors.noLeader().retryable, true);
  assert.equal(etcdErrors.tooManyRequests().retryable, true);
  assert.equal(etcdErrors.compacted().retryable, false);
});
