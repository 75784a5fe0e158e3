/**
 * All errors of the etcd v3 API, with the gRPC status and the exact text that etcd answers with.
 *
 * Go clients tell errors apart by their text, so texts here name no value: they are part of the protocol. Each call
 * makes a new error, because an error carries the stack of where it was made.
 *
 * Source: etcd's `api/v3rpc/rpctypes/error.go`, and how its server maps errors (`server/etcdserver/api/v3rpc/util.go`).
 */
import { GrpcStatus, QuorateError } from "../errors.ts";

/** Every text of etcd's begins with it. */
const PREFIX = "etcdserver: ";

function make(code: string, status: GrpcStatus, text: string, retryable?: true): QuorateError {
  return new QuorateError(code, status, PREFIX + text, retryable === undefined ? {} : { retryable });
}

/** `etcdErrors.compacted()` makes the error that etcd answers with when a revision is compacted. */
export const etcdErrors = {
  keyNotProvided: (): QuorateError => make("KEY_NOT_PROVIDED", GrpcStatus.invalidArgument, "key is not provided"),
  /** A put that keeps the value or lease of a key that does not exist; an operation without content. */
  keyNotFound: (): QuorateError => make("KEY_NOT_FOUND", GrpcStatus.invalidArgument, "key not found"),
  valueProvided: (): QuorateError => make("VALUE_PROVIDED", GrpcStatus.invalidArgument, "value is provided"),
  leaseProvided: (): QuorateError => make("LEASE_PROVIDED", GrpcStatus.invalidArgument, "lease is provided"),
  tooManyOps: (): QuorateError =>
    make("TOO_MANY_OPS", GrpcStatus.invalidArgument, "too many operations in txn request"),
  duplicateKey: (): QuorateError =>
    make("DUPLICATE_KEY", GrpcStatus.invalidArgument, "duplicate key given in txn request"),
  invalidClientApiVersion: (): QuorateError =>
    make("INVALID_CLIENT_API_VERSION", GrpcStatus.invalidArgument, "invalid client api version"),
  invalidSortOption: (): QuorateError => make("INVALID_SORT_OPTION", GrpcStatus.invalidArgument, "invalid sort option"),
  badMemberUrls: (): QuorateError =>
    make("BAD_MEMBER_URLS", GrpcStatus.invalidArgument, "given member URLs are invalid"),
  requestTooLarge: (): QuorateError => make("REQUEST_TOO_LARGE", GrpcStatus.invalidArgument, "request is too large"),
  userEmpty: (): QuorateError => make("USER_EMPTY", GrpcStatus.invalidArgument, "user name is empty"),
  roleEmpty: (): QuorateError => make("ROLE_EMPTY", GrpcStatus.invalidArgument, "role name is empty"),
  authFailed: (): QuorateError =>
    make("AUTH_FAILED", GrpcStatus.invalidArgument, "authentication failed, invalid user ID or password"),
  permissionNotGiven: (): QuorateError =>
    make("PERMISSION_NOT_GIVEN", GrpcStatus.invalidArgument, "permission not given"),
  invalidAuthManagement: (): QuorateError =>
    make("INVALID_AUTH_MANAGEMENT", GrpcStatus.invalidArgument, "invalid auth management"),
  authOldRevision: (): QuorateError =>
    make("AUTH_OLD_REVISION", GrpcStatus.invalidArgument, "revision of auth store is old"),
  wrongDowngradeVersionFormat: (): QuorateError =>
    make("WRONG_DOWNGRADE_VERSION_FORMAT", GrpcStatus.invalidArgument, "wrong downgrade target version format"),
  invalidDowngradeTargetVersion: (): QuorateError =>
    make("INVALID_DOWNGRADE_TARGET_VERSION", GrpcStatus.invalidArgument, "invalid downgrade target version"),

  compacted: (): QuorateError => make("COMPACTED", GrpcStatus.outOfRange, "mvcc: required revision has been compacted"),
  futureRevision: (): QuorateError =>
    make("FUTURE_REVISION", GrpcStatus.outOfRange, "mvcc: required revision is a future revision"),
  leaseTtlTooLarge: (): QuorateError => make("LEASE_TTL_TOO_LARGE", GrpcStatus.outOfRange, "too large lease TTL"),

  noSpace: (): QuorateError => make("NO_SPACE", GrpcStatus.resourceExhausted, "mvcc: database space exceeded"),
  /** Declared as ResourceExhausted, but sent as Unknown: etcd's server maps it to a value without a gRPC status. */
  tooManyRequests: (): QuorateError => make("TOO_MANY_REQUESTS", GrpcStatus.unknown, "too many requests", true),

  leaseNotFound: (): QuorateError => make("LEASE_NOT_FOUND", GrpcStatus.notFound, "requested lease not found"),
  memberNotFound: (): QuorateError => make("MEMBER_NOT_FOUND", GrpcStatus.notFound, "member not found"),

  leaseExists: (): QuorateError => make("LEASE_EXISTS", GrpcStatus.failedPrecondition, "lease already exists"),
  memberExists: (): QuorateError => make("MEMBER_EXISTS", GrpcStatus.failedPrecondition, "member ID already exist"),
  peerUrlExists: (): QuorateError => make("PEER_URL_EXISTS", GrpcStatus.failedPrecondition, "Peer URLs already exists"),
  /** Declared as FailedPrecondition, but sent as Unknown, for the same reason as `tooManyRequests`. */
  notEnoughStartedMembers: (): QuorateError =>
    make("NOT_ENOUGH_STARTED_MEMBERS", GrpcStatus.unknown, "re-configuration failed due to not enough started members"),
  notLearner: (): QuorateError =>
    make("NOT_LEARNER", GrpcStatus.failedPrecondition, "can only promote a learner member"),
  learnerNotReady: (): QuorateError =>
    make(
      "LEARNER_NOT_READY",
      GrpcStatus.failedPrecondition,
      "can only promote a learner member which is in sync with leader",
    ),
  tooManyLearners: (): QuorateError =>
    make("TOO_MANY_LEARNERS", GrpcStatus.failedPrecondition, "too many learner members in cluster"),
  clusterIdMismatch: (): QuorateError =>
    make("CLUSTER_ID_MISMATCH", GrpcStatus.failedPrecondition, "cluster ID mismatch"),
  rootUserNotExist: (): QuorateError =>
    make("ROOT_USER_NOT_EXIST", GrpcStatus.failedPrecondition, "root user does not exist"),
  rootRoleNotExist: (): QuorateError =>
    make("ROOT_ROLE_NOT_EXIST", GrpcStatus.failedPrecondition, "root user does not have root role"),
  userAlreadyExists: (): QuorateError =>
    make("USER_ALREADY_EXISTS", GrpcStatus.failedPrecondition, "user name already exists"),
  userNotFound: (): QuorateError => make("USER_NOT_FOUND", GrpcStatus.failedPrecondition, "user name not found"),
  roleAlreadyExists: (): QuorateError =>
    make("ROLE_ALREADY_EXISTS", GrpcStatus.failedPrecondition, "role name already exists"),
  roleNotFound: (): QuorateError => make("ROLE_NOT_FOUND", GrpcStatus.failedPrecondition, "role name not found"),
  roleNotGranted: (): QuorateError =>
    make("ROLE_NOT_GRANTED", GrpcStatus.failedPrecondition, "role is not granted to the user"),
  permissionNotGranted: (): QuorateError =>
    make("PERMISSION_NOT_GRANTED", GrpcStatus.failedPrecondition, "permission is not granted to the role"),
  authNotEnabled: (): QuorateError =>
    make("AUTH_NOT_ENABLED", GrpcStatus.failedPrecondition, "authentication is not enabled"),
  notLeader: (): QuorateError => make("NOT_LEADER", GrpcStatus.failedPrecondition, "not leader"),
  notCapable: (): QuorateError => make("NOT_CAPABLE", GrpcStatus.failedPrecondition, "not capable"),
  notSupportedForLearner: (): QuorateError =>
    make("NOT_SUPPORTED_FOR_LEARNER", GrpcStatus.failedPrecondition, "rpc not supported for learner"),
  badLeaderTransferee: (): QuorateError =>
    make("BAD_LEADER_TRANSFEREE", GrpcStatus.failedPrecondition, "bad leader transferee"),
  clusterVersionUnavailable: (): QuorateError =>
    make("CLUSTER_VERSION_UNAVAILABLE", GrpcStatus.failedPrecondition, "cluster version not found during downgrade"),
  downgradeInProgress: (): QuorateError =>
    make("DOWNGRADE_IN_PROGRESS", GrpcStatus.failedPrecondition, "cluster has a downgrade job in progress"),
  noInflightDowngrade: (): QuorateError =>
    make("NO_INFLIGHT_DOWNGRADE", GrpcStatus.failedPrecondition, "no inflight downgrade job"),

  noLeader: (): QuorateError => make("NO_LEADER", GrpcStatus.unavailable, "no leader"),
  leaderChanged: (): QuorateError => make("LEADER_CHANGED", GrpcStatus.unavailable, "leader changed"),
  serverStopped: (): QuorateError => make("SERVER_STOPPED", GrpcStatus.unavailable, "server stopped"),
  /** After one of the four timeouts a write may or may not have been made. */
  timeout: (): QuorateError => make("TIMEOUT", GrpcStatus.unavailable, "request timed out"),
  timeoutDueToLeaderFail: (): QuorateError =>
    make("TIMEOUT_LEADER_FAIL", GrpcStatus.unavailable, "request timed out, possibly due to previous leader failure"),
  timeoutDueToConnectionLost: (): QuorateError =>
    make("TIMEOUT_CONNECTION_LOST", GrpcStatus.unavailable, "request timed out, possibly due to connection lost"),
  timeoutWaitAppliedIndex: (): QuorateError =>
    make(
      "TIMEOUT_WAIT_APPLIED_INDEX",
      GrpcStatus.unavailable,
      "request timed out, waiting for the applied index took too long",
    ),
  unhealthy: (): QuorateError => make("UNHEALTHY", GrpcStatus.unavailable, "unhealthy cluster"),

  permissionDenied: (): QuorateError => make("PERMISSION_DENIED", GrpcStatus.permissionDenied, "permission denied"),
  invalidAuthToken: (): QuorateError => make("INVALID_AUTH_TOKEN", GrpcStatus.unauthenticated, "invalid auth token"),
  corrupt: (): QuorateError => make("CORRUPT", GrpcStatus.dataLoss, "corrupt cluster"),
  watchCanceled: (): QuorateError => make("WATCH_CANCELED", GrpcStatus.cancelled, "watch canceled"),
  requestCanceled: (): QuorateError => make("REQUEST_CANCELED", GrpcStatus.cancelled, "request canceled"),
  deadlineExceeded: (): QuorateError =>
    make("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, "context deadline exceeded"),
};

/** What an etcd error is called in this house. */
export type EtcdErrorName = keyof typeof etcdErrors;
