/**
 * The one error class of the house, and the assertion that stays on in production.
 *
 * `status` is the gRPC code that etcd answers with for the same fault, so that the server maps nothing: a
 * `QuorateError` made anywhere below reaches a client as etcd would have said it.
 */

/** gRPC status codes by name (https://grpc.io/docs/guides/status-codes/). */
export const GrpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** What an error says beside its code and message. */
export interface QuorateErrorOptions {
  /** What caused it. */
  readonly cause?: unknown;
  /** Whether the same call may succeed later without a change by the caller. Default: only for `unavailable`. */
  readonly retryable?: boolean;
}

/** Something went wrong that the caller can act on. `code` is stable; `message` names the value and what to do. */
export class QuorateError extends Error {
  override readonly name = "QuorateError";
  /** Stable, in upper snake case: `KEY_NOT_PROVIDED`, `NO_LEADER`, `CONFIG`. */
  readonly code: string;
  readonly status: GrpcStatus;
  readonly retryable: boolean;

  constructor(code: string, status: GrpcStatus, message: string, options: QuorateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = status;
    this.retryable = options.retryable ?? status === GrpcStatus.unavailable;
  }
}

/** A broken invariant: the member that sees it must stop, because its state can no longer be trusted. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/**
 * States what must be true, in production too. A false condition ends the member.
 * Remote input is never checked with this: a bad peer must not be able to stop us.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** For the default branch of an exhaustive switch: a new variant fails to compile here. */
export function unreachable(value: never, what: string): never {
  throw new InvariantViolation(`unexpected ${what}: ${String(value)}`);
}
