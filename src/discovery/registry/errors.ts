/**
 * Errors of discovery, beside those of the store, of sessions and of `kv/wait.ts`.
 *
 * - `INVALID_ARGUMENT`: what the caller gave cannot be used; the message names it.
 * - `TAKEN`: another session has registered an instance with this id.
 * - `NO_INSTANCE`: no instance of the service takes calls, or there is none of this id. Retryable: one may come.
 * - `RELEASED`: this side took the registration back.
 * - `CLOSED`: this side closed what it uses.
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { LeaseId } from "../../wire/kv.ts";

export function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}

export function taken(what: string, lease: LeaseId): QuorateError {
  return new QuorateError(
    "TAKEN",
    GrpcStatus.alreadyExists,
    `${what} is there already, of session ${lease.toString(16)}: use another id, or wait until that one has left`,
    { retryable: true },
  );
}

/** @param why what is known of the service's instances */
export function noInstance(service: string, why: string): QuorateError {
  return new QuorateError(
    "NO_INSTANCE",
    GrpcStatus.unavailable,
    `service ${JSON.stringify(service)}: ${why}: start one, or look at why those there are take no calls`,
  );
}

export function released(what: string): QuorateError {
  return new QuorateError("RELEASED", GrpcStatus.cancelled, `${what} was released: register it again to be found`);
}

export function closed(what: string): QuorateError {
  return new QuorateError("CLOSED", GrpcStatus.cancelled, `${what} is closed: open another one to use it`);
}
