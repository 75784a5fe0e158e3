/** System errors of what never left: no connection came up, or there was nowhere to connect to. */
const NOT_CONNECTED = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENOTFOUND", "EAI_AGAIN"]);
/** The same in the words of undici, which is beneath `fetch`. */
const CONNECT_TIMEOUT = "UND_ERR_CONNECT_TIMEOUT";

/** What errors of Node, and of libraries that stand on it, say beside their message. */
interface SystemError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/**
 * Whether an error says that a call certainly did not reach the instance: its connection never came up. Then it can be
 * made elsewhere, whatever it does. An error that does not say so may mean anything.
 */
export function certainlyNotArrived(error: unknown): boolean {
  let at = error;
  // Libraries wrap errors in errors; a circle of them would say nothing either.
  for (let depth = 0; depth < 8 && typeof at === "object" && at !== null; depth++) {
    const { code, syscall, cause, errors } = at as SystemError;
    // Several addresses of one host were tried: all must have failed so.
    if (Array.isArray(errors) && errors.length > 0) return errors.every(certainlyNotArrived);
    if (syscall === "connect" || syscall === "getaddrinfo" || code === CONNECT_TIMEOUT) return true;
    if (typeof code === "string" && NOT_CONNECTED.has(code)) return true;
    at = cause;
  }
  return false;
}
