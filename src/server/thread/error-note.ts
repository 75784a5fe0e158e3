/** Errors on their way between threads, where classes and codes do not survive by themselves. */
import { type GrpcStatus, QuorateError } from "../../errors.ts";

export interface ErrorNote {
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  /** A QuorateError's, or a system error's; null: it has none. */
  readonly code: string | null;
  /** Of a QuorateError; null: it is none. */
  readonly status: GrpcStatus | null;
  readonly retryable: boolean;
  readonly cause: ErrorNote | null;
}

/** Causes of causes beyond this say nothing new. */
const DEEPEST = 4;

export function noteOf(error: unknown, depth = 0): ErrorNote {
  if (!(error instanceof Error)) {
    const message = String(error);
    return { name: "Error", message, stack: null, code: null, status: null, retryable: false, cause: null };
  }
  const { name, message, stack = null, cause } = error;
  const own = error instanceof QuorateError ? error : null;
  return {
    name,
    message,
    stack,
    code: "code" in error && typeof error.code === "string" ? error.code : null,
    status: own?.status ?? null,
    retryable: own?.retryable ?? false,
    cause: cause === undefined || depth === DEEPEST ? null : noteOf(cause, depth + 1),
  };
}

/** The error that a note is of: a QuorateError if it was one. */
export function errorOf({ name, message, stack, code, status, retryable, cause }: ErrorNote): Error {
  const options = cause === null ? {} : { cause: errorOf(cause) };
  const error =
    status === null
      ? Object.assign(new Error(message, options), { name }, code === null ? {} : { code })
      : new QuorateError(code ?? "UNKNOWN", status, message, { ...options, retryable });
  // Where it happened, not where it was read.
  if (stack !== null) error.stack = stack;
  return error;
}
