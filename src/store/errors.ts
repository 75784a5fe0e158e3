/**
 * Every way in which a call on a store fails, and what may be concluded from it.
 *
 * | code | what happened | the write | `retryable` |
 * | --- | --- | --- | --- |
 * | `OUTCOME_UNKNOWN` | it left, and no answer came that says what became of it; `cause` says why | may have taken effect, or still take it | no: read first |
 * | `TIMEOUT` | its time was over before any member gave an answer; `cause` is what was heard last | had no effect | yes |
 * | `ABORTED` | its `signal` was aborted; `cause` is the signal's reason | had no effect | no |
 * | `CLOSED` | the store was closed before or meanwhile; `cause` says why if nobody asked for it | had no effect | no |
 * | `UNAVAILABLE` | no member could be reached in its time; the message has what each endpoint said | had no effect | yes |
 * | `NO_LEADER` | members were reached, but none knew a leader for as long as the call lasted | had no effect | yes |
 * | `COMPACTED` | a revision that it needs is not there any more: read anew | had no effect | no |
 * | `UNAUTHENTICATED` | user and password are missing, wrong, or are not taken any more | had no effect | no |
 * | `PERMISSION_DENIED` | the user may not do this | had no effect | no |
 * | `REQUEST_TOO_LARGE` | larger than the store sends, or than the members take | had no effect | no |
 * | `RESPONSE_TOO_LARGE` | a read's answer was larger than the store takes: ask in pages, or allow more | is `OUTCOME_UNKNOWN` | no |
 * | `WATCH_CANCELED` | a member refused a watch, and would again; the message has its reason | | no |
 * | `INVALID_ARGUMENT` | an option or endpoint that cannot be used; the message names it | had no effect | no |
 *
 * All else that a member refuses has the code that `keyspace/etcd-errors.ts` names for its text (`LEASE_NOT_FOUND`,
 * `NO_SPACE`, `TOO_MANY_OPS`, ...), or, where the text is none of etcd's, the gRPC status' name (`UNIMPLEMENTED`).
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";

/** What is known of an endpoint that could not be used. */
export interface EndpointReport {
  readonly endpoint: string;
  /** Null: nothing is known, it was not tried or has not answered yet. */
  readonly error: Error | null;
}

/** `storeErrors.closed("get")` makes the error; `what` is the call as a person would name it. */
export const storeErrors = {
  outcomeUnknown: (what: string, cause: Error): QuorateError =>
    new QuorateError(
      "OUTCOME_UNKNOWN",
      GrpcStatus.unknown,
      `${what} may or may not have taken effect (${cause.message}): read to find out before you repeat it`,
      { cause, retryable: false },
    ),
  timeout: (what: string, timeoutMs: number, cause: Error | null): QuorateError =>
    new QuorateError(
      "TIMEOUT",
      GrpcStatus.deadlineExceeded,
      `${what}: no answer within ${timeoutMs} ms${cause === null ? "" : ` (last: ${cause.message})`}`,
      { ...(cause === null ? {} : { cause }), retryable: true },
    ),
  aborted: (what: string, reason: unknown): QuorateError =>
    new QuorateError("ABORTED", GrpcStatus.cancelled, `${what}: its signal was aborted`, { cause: reason }),
  /** `reason`: why it is; null: as it was told. */
  closed: (what: string, reason: Error | null = null): QuorateError =>
    new QuorateError(
      "CLOSED",
      GrpcStatus.cancelled,
      `${what}: the store is closed${reason === null ? "" : `: ${reason.message}`}`,
      reason === null ? {} : { cause: reason },
    ),
  unavailable: (what: string, endpoints: readonly EndpointReport[]): QuorateError => {
    const said = endpoints.map(({ endpoint, error }) => {
      const why = error?.message ?? "no answer yet";
      return why.startsWith(endpoint) ? why : `${endpoint}: ${why}`;
    });
    const cause = endpoints.find(({ error }) => error !== null)?.error;
    return new QuorateError(
      "UNAVAILABLE",
      GrpcStatus.unavailable,
      `${what}: no member can be reached: ${said.join("; ")}`,
      cause === undefined ? {} : { cause },
    );
  },
  noLeader: (what: string, cause: Error): QuorateError =>
    new QuorateError("NO_LEADER", GrpcStatus.unavailable, `${what}: no member knows a leader`, { cause }),
  /** For a watch: `needed` is the first revision it has not told of. */
  compacted: (needed: number, compactRevision: number): QuorateError =>
    new QuorateError(
      "COMPACTED",
      GrpcStatus.outOfRange,
      `changes from revision ${needed} on are not there any more, only from ${compactRevision} on: read anew, and watch from there`,
    ),
  unauthenticated: (message: string, cause?: Error): QuorateError =>
    new QuorateError("UNAUTHENTICATED", GrpcStatus.unauthenticated, message, cause === undefined ? {} : { cause }),
  permissionDenied: (message: string): QuorateError =>
    new QuorateError("PERMISSION_DENIED", GrpcStatus.permissionDenied, message),
  watchCanceled: (reason: string): QuorateError =>
    new QuorateError("WATCH_CANCELED", GrpcStatus.cancelled, `a member refused the watch: ${reason}`),
  invalidArgument: (message: string): QuorateError =>
    new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message),
};

/** gRPC statuses by their names in upper snake case: `UNIMPLEMENTED`. */
const STATUS_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(GrpcStatus).map(([name, status]) => [
    status,
    name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

/** What etcd's texts are called, and what they say of a repetition. */
const BY_TEXT: ReadonlyMap<string, QuorateError> = new Map(
  Object.values(etcdErrors).map((make) => {
    const error = make();
    return [error.message, error];
  }),
);

export interface RemoteError {
  readonly code: string;
  readonly status: GrpcStatus;
  readonly retryable: boolean;
}

/** The code of what a member answered. Statuses outside gRPC's table count as unknown. */
export function remoteError(status: number, text: string): RemoteError {
  const known = BY_TEXT.get(text);
  const name = STATUS_NAMES.get(status);
  const trusted = (name === undefined ? GrpcStatus.unknown : status) as GrpcStatus;
  if (known !== undefined) return { code: known.code, status: trusted, retryable: known.retryable };
  return { code: name ?? "UNKNOWN", status: trusted, retryable: trusted === GrpcStatus.unavailable };
}
