/**
 * The errors of recipes. Codes are stable; beside them, recipes hand on those of the store and of `kv/wait.ts`
 * (`TIMEOUT`, `ABORTED`).
 *
 * - `SESSION_LOST`: the session's lease could not be renewed in time. What hung on it may be somebody else's. Retryable:
 *   begin again, with a new session.
 * - `SESSION_CLOSED`: this side closed it.
 * - `RELEASED`: this side has released what it uses.
 * - `FENCED`: a guarded write was refused, because what it was guarded by is held no longer. It had no effect.
 * - `EVICTED`: somebody else deleted the key of a holder or a waiter.
 * - `HANDED_OVER`: a leader has given its office up to a higher number.
 * - `TAKEN`: another member has this name.
 * - `EXHAUSTED`: there is no more of it.
 * - `NOT_CREATED`: a recipe that has to be set up before it is used was not.
 * - `MISMATCH`: others use the same name with other settings, or for something else.
 * - `INVALID_ARGUMENT`: what the caller gave cannot be used.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { LeaseId } from "../wire/kv.ts";

export function lost(lease: LeaseId, why: string, cause?: unknown): QuorateError {
  return new QuorateError(
    "SESSION_LOST",
    GrpcStatus.aborted,
    `session ${lease.toString(16)} is lost (${why}): others may have what it held, begin again with a new one`,
    { retryable: true, cause: cause ?? undefined },
  );
}

export function closedError(lease: LeaseId): QuorateError {
  return new QuorateError(
    "SESSION_CLOSED",
    GrpcStatus.cancelled,
    `session ${lease.toString(16)} was closed, and what it held is given up: open a new one`,
  );
}

export function released(what: string): QuorateError {
  return new QuorateError("RELEASED", GrpcStatus.cancelled, `${what} was released: acquire it again before it is used`);
}

export function fenced(what: string): QuorateError {
  return new QuorateError(
    "FENCED",
    GrpcStatus.failedPrecondition,
    `${what} is held no longer, nothing was written: acquire it again, and look at what others did meanwhile`,
  );
}

export function evicted(what: string): QuorateError {
  return new QuorateError(
    "EVICTED",
    GrpcStatus.aborted,
    `somebody deleted the key of ${what}: join again if that was no order to stay away`,
  );
}

export function handedOver(what: string, number: number): QuorateError {
  return new QuorateError("HANDED_OVER", GrpcStatus.cancelled, `${what} goes to a candidate with the number ${number}`);
}

export function mismatch(what: string, found: string, wanted: string): QuorateError {
  return new QuorateError(
    "MISMATCH",
    GrpcStatus.failedPrecondition,
    `${what} has ${found}, not ${wanted}: use the same settings everywhere, or another name`,
  );
}

export function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}

/** Everything of one `Quorate` was closed. */
export function closedSharing(): QuorateError {
  return new QuorateError("CLOSED", GrpcStatus.cancelled, "this is closed: connect again to use it");
}

export function taken(what: string, lease: LeaseId): QuorateError {
  return new QuorateError(
    "TAKEN",
    GrpcStatus.alreadyExists,
    `${what} is there already, of session ${lease.toString(16)}: use another name, or wait until that one has left`,
    { retryable: true },
  );
}

export function notCreated(what: string): QuorateError {
  return new QuorateError(
    "NOT_CREATED",
    GrpcStatus.failedPrecondition,
    `${what} was not set: set it before it is used`,
  );
}

/** The caller gave up, or the session ended, before it was known whether a change was made. */
export function outcomeUnknown(what: string, cause: unknown): QuorateError {
  return new QuorateError(
    "OUTCOME_UNKNOWN",
    GrpcStatus.unknown,
    `the change of ${what} may or may not have been made: read it before you change it again`,
    { cause, retryable: false },
  );
}

export function exhausted(what: string, number: number): QuorateError {
  return new QuorateError(
    "EXHAUSTED",
    GrpcStatus.resourceExhausted,
    `all ${number} workers of ${what} are taken: close programs that use it, or wait until their sessions have ended`,
    { retryable: true },
  );
}
