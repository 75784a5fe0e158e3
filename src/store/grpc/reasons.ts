/** What a system error means to a person, by its code. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name not found (no answer from the name server)",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "no connection",
};

/** Why a socket was not connected, in few words. */
export function reasonOf(error: Error & { readonly code?: string }): string {
  // Several addresses were tried: their errors are within.
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : [];
  if (first instanceof Error) return reasonOf(first);
  return REASONS[error.code ?? ""] ?? error.message;
}
