/**
 * Errors of typed keys and values, beside those of the store.
 *
 * - `INVALID_ARGUMENT`: a key, range, value or option that cannot be used; the message names it.
 * - `NOT_TEXT`, `NOT_JSON`: a value at the store that is not what the codec reads.
 * - `INVALID_VALUE`: a value that the schema refuses, to be written or read; `cause` has its issues.
 * - `CONFLICT`: a transaction met changes by others in each of its attempts. It had no effect. Retryable.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";

export function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}

export function notText(): QuorateError {
  return new QuorateError(
    "NOT_TEXT",
    GrpcStatus.failedPrecondition,
    "the value is no UTF-8 text: read it with bytes(), or with the codec that it was written with",
  );
}

export function notJson(cause: unknown): QuorateError {
  return new QuorateError(
    "NOT_JSON",
    GrpcStatus.failedPrecondition,
    `the value is no JSON (${String(cause)}): read it with text() or bytes(), or with the codec it was written with`,
    { cause },
  );
}

export function conflict(attempts: number): QuorateError {
  return new QuorateError(
    "CONFLICT",
    GrpcStatus.aborted,
    `others changed what the transaction had read in each of ${attempts} attempts: try again later, or read less`,
    { retryable: true },
  );
}

export function closedCache(): QuorateError {
  return new QuorateError("CLOSED", GrpcStatus.cancelled, "the cache, or its store, is closed: open a new one");
}

export function badAnswer(wanted: string, found: string | undefined): QuorateError {
  const what = found === undefined ? "nothing" : `a ${found}`;
  return new QuorateError("BAD_ANSWER", GrpcStatus.internal, `a transaction's ${wanted} was answered with ${what}`);
}

export function awaitedBuilder(): QuorateError {
  return invalid("a transaction was awaited before it was committed: end it with .commit()");
}
