/**
 * How fresh a read is, made from etcd's two kinds of reads: of the cluster (linearizable), or of the member that is
 * asked (serializable).
 *
 * The weaker kinds ask the member first, and look at the revision in the header of its answer: it is that of the state
 * that was read. Where that is too old, or not known to be new enough, the cluster is asked.
 */
import type { Clock } from "../../environment.ts";
import { QuorateError } from "../../errors.ts";
import type { RequestOp, ResponseHeader, TxnRequest } from "../../wire/kv.ts";
import { storeErrors } from "../errors.ts";
import type { Consistency } from "../store.ts";
import type { Freshness } from "./freshness.ts";

/** Asks a member, or the cluster. */
export type Read<Response> = (serializable: boolean) => Promise<Response>;

/** @throws QuorateError what `read` throws; INVALID_ARGUMENT for a consistency that does not exist */
export async function readAs<Response extends { readonly header: ResponseHeader }>(
  consistency: Consistency,
  freshness: Freshness,
  clock: Clock,
  read: Read<Response>,
): Promise<Response> {
  const needed = revisionNeeded(consistency, freshness, clock);
  if (needed === null) return read(false);
  try {
    const response = await read(true);
    if (response.header.revision >= needed) return response;
  } catch (error) {
    // It names a revision that the member does not have yet, but perhaps the cluster.
    if (!(error instanceof QuorateError && error.code === "FUTURE_REVISION") || consistency === "serializable")
      throw error;
  }
  return read(false);
}

/** The revision that a member's answer must have at least; null: only the cluster can answer. */
function revisionNeeded(consistency: Consistency, freshness: Freshness, clock: Clock): number | null {
  if (typeof consistency === "object" && consistency !== null) {
    const { maxStalenessMs } = consistency;
    if (typeof maxStalenessMs === "number" && maxStalenessMs >= 0)
      return freshness.revisionAt(clock.now() - maxStalenessMs);
    throw storeErrors.invalidArgument(`maxStalenessMs is ${String(maxStalenessMs)}: give milliseconds, 0 or more`);
  }
  switch (consistency) {
    case "linearizable":
      return null;
    case "serializable":
      return 0;
    case "session":
      return freshness.seen;
    default:
      throw storeErrors.invalidArgument(
        `consistency is ${JSON.stringify(consistency)}: use "linearizable", "serializable", "session" or { maxStalenessMs }`,
      );
  }
}

/** Whether it writes nothing, whatever its comparisons come to. */
export function isRead({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].every((op) => op.type === "range" || (op.type === "txn" && isRead(op.request)));
}

/** Whether a member can answer it alone: it has operations, and all of them are ranges. */
export function canBeSerializable({ success, failure }: TxnRequest): boolean {
  const operations = [...success, ...failure];
  return operations.length > 0 && operations.every(({ type }) => type === "range");
}

/** The same transaction with all its ranges serializable, or none. */
export function withSerializable(request: TxnRequest, serializable: boolean): TxnRequest {
  const set = (op: RequestOp): RequestOp => {
    if (op.type === "range") return { type: "range", request: { ...op.request, serializable } };
    return op.type === "txn" ? { type: "txn", request: withSerializable(op.request, serializable) } : op;
  };
  return { compare: request.compare, success: request.success.map(set), failure: request.failure.map(set) };
}
