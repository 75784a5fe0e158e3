/**
 * Reads of old revisions: they are answered until the revision is compacted, and refused from then on, and only then.
 */
import { GrpcStatus } from "../../errors.ts";
import type { Call, Truth, Violation } from "../history.ts";
import { isAnswered, isRefused, isSerializable, rangesOf } from "./client-calls.ts";
import { callTable, callText, violation } from "./narration.ts";

export function checkCompactedReads(property: string, calls: readonly Call[], truth: Truth): Violation | null {
  const compactions = calls.filter(({ request }) => request.type === "compact");
  for (const call of calls) {
    const old = rangesOf(call.request)
      .map(({ revision }) => revision)
      .filter((revision) => revision > 0);
    if (old.length === 0) continue;
    const wrong = isAnswered(call)
      ? answeredTooLate(call, old, compactions)
      : call.outcome?.type === "refused" && call.outcome.code === GrpcStatus.outOfRange
        ? refusedForNothing(call, call.outcome.message, old, calls, truth)
        : null;
    if (wrong !== null)
      return violation(property, `${callText(call)} ${wrong.text}`, callTable([...wrong.calls, call]));
  }
  return null;
}

interface Wrong {
  readonly text: string;
  readonly calls: readonly Call[];
}

/** Whether all ways of a request were compacted before it was asked. */
function answeredTooLate(call: Call, old: readonly number[], compactions: readonly Call[]): Wrong | null {
  // A serializable read's member may not know of the compaction yet, and a transaction may have gone another way.
  if (call.request.type !== "range" || isSerializable(call.request)) return null;
  const [revision = 0] = old;
  const compaction = compactions.find(
    (other) =>
      other.request.type === "compact" &&
      other.request.revision > revision &&
      isAnswered(other) &&
      other.returned.order < call.invoked.order,
  );
  if (compaction === undefined) return null;
  return { text: `was answered, but ${callText(compaction)} had returned before`, calls: [compaction] };
}

function refusedForNothing(
  call: Call,
  message: string,
  old: readonly number[],
  calls: readonly Call[],
  truth: Truth,
): Wrong | null {
  const end = call.returned?.order ?? Number.POSITIVE_INFINITY;
  const oldest = Math.min(...old);
  if (message.includes("compacted")) {
    const isAsked = calls.some(
      (other) =>
        other.request.type === "compact" &&
        other.request.revision > oldest &&
        other.invoked.order < end &&
        !isRefused(other),
    );
    // A leader compacts by itself, too.
    const isDone = truth.compactions.some(({ revision, committed }) => revision > oldest && committed.order < end);
    return isAsked || isDone ? null : { text: `was refused as compacted, but nobody compacted to more`, calls: [] };
  }
  if (!message.includes("future") || isSerializable(call.request)) return null;
  const newest = Math.max(...old);
  const known = calls.find(
    (other) =>
      isAnswered(other) &&
      other.request.type !== "leaseKeepAlive" &&
      other.returned.order < call.invoked.order &&
      other.outcome.revision >= newest,
  );
  if (known === undefined) return null;
  return {
    text: `was refused as being of the future, but ${callText(known)} knew the revision before`,
    calls: [known],
  };
}
