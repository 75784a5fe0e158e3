/** What a client may conclude from an error: that its write did not happen, or nothing at all. */
import { type ServiceError, status } from "@grpc/grpc-js";

export type WriteResult = "acknowledged" | "refused" | "unknown";

/** Codes with which a server says that it did not do it, and why. */
const REFUSALS = new Set<number>([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.UNIMPLEMENTED,
]);

/** Nothing was sent: there was no connection. */
const NOT_SENT = /No connection established|ECONNREFUSED|Name resolution failed/;
/** The server says that it proposed nothing. */
const NOT_PROPOSED = /etcdserver: (no leader|not leader|too many requests)$/;

/** For an error of a write. Everything that is not surely refused is unknown. */
export function resultOf(error: unknown): "refused" | "unknown" {
  const { code, details = "" } = error as Partial<ServiceError>;
  if (code !== undefined && REFUSALS.has(code)) return "refused";
  if (code === status.UNAVAILABLE && (NOT_SENT.test(details) || NOT_PROPOSED.test(details))) return "refused";
  return "unknown";
}
