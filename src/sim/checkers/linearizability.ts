/**
 * Is there one order of all calls, true to real time, in which etcd's keyspace would have answered each as it was
 * answered? Serializable reads are not part of this (`session-guarantees.ts`), nor are keys on leases, which end without
 * a call (`lease-safety.ts`): what is told of those is passed over.
 */
import type { Call, HistoryChecker, Truth, Violation } from "../history.ts";
import { attribute } from "./attribution.ts";
import { hasChanged, isAnswered, isKvRequest, isSerializable, isUnknown, mayWrite } from "./client-calls.ts";
import { checkCompactedReads } from "./compacted-reads.ts";
import { KvModel } from "./kv-model.ts";
import type { KvCall } from "./kv-profiles.ts";
import { KvScope } from "./kv-scope.ts";
import { type Attempt, findLinearization } from "./linearization-search.ts";
import { callTable, callText, violation } from "./narration.ts";
import { FIRST_REVISION, TrueStore } from "./true-store.ts";

const NAME = "linearizability";
/** Steps of the search before it gives up, a second or two: to rule out all orders of many calls may take any number. */
const MAX_STEPS = 50_000;
/** Calls and orders told in a counter-example. */
const MAX_CALLS = 14;
const MAX_ORDERS = 10;

export const linearizability: HistoryChecker = {
  name: NAME,
  source: "Herlihy and Wing 1990; the search: Wing and Gong 1993, Lowe 2017",
  check({ calls }, truth) {
    return checkCompactedReads(NAME, calls, truth) ?? checkOrder(calls, truth);
  },
};

/**
 * Tries the order of the log first: who made which of its changes is taken from there as a hint, and the model has the
 * last word. Only if that order is wrong, all others are searched for one that is right.
 */
function checkOrder(all: readonly Call[], truth: Truth): Violation | null {
  const scope = new KvScope(all);
  const calls = all.filter((call): call is KvCall => isInModel(call, scope));
  const revisions = revisionsInLog(calls, truth);
  const hinted = new KvModel(all, scope, calls, revisions);
  const { contradiction } = hinted.facts;
  if (contradiction !== null) return violation(NAME, contradiction.text, callTable(contradiction.calls));
  const placed = calls.filter((call) => isAnswered(call) || revisions.has(call));
  const ofLog = findLinearization(
    hinted,
    placed.map((call) => ({
      call,
      invoked: call.invoked.order,
      returned: isAnswered(call) ? call.returned.order : Number.POSITIVE_INFINITY,
    })),
    MAX_STEPS,
  );
  if (ofLog.type === "linearizable") return null;
  const model = new KvModel(all, scope, calls);
  const verdict = findLinearization(
    model,
    calls.map((call) => ({
      call,
      invoked: call.invoked.order,
      returned: isAnswered(call) ? call.returned.order : null,
    })),
    MAX_STEPS,
  );
  if (verdict.type === "linearizable") return null;
  if (verdict.type === "impossible") {
    return counterExample(model, "fits into no order", verdict.order, verdict.attempts);
  }
  const judgement = `does not fit into the order of the log, nor into any other that was found in ${MAX_STEPS} steps`;
  return counterExample(hinted, judgement, ofLog.order, ofLog.attempts);
}

/** What calls without an answer have made, as it seems, before the last answer that could tell. */
function revisionsInLog(calls: readonly KvCall[], truth: Truth): Map<Call, number> {
  const answered = new Set<number>();
  let newest = FIRST_REVISION;
  for (const call of calls) {
    if (!isAnswered(call)) continue;
    const { revision, result } = call.outcome;
    if (hasChanged(result)) answered.add(revision);
    newest = Math.max(newest, revision);
  }
  const open = truth.changes.filter(
    ({ revision, revokedLease }) => revokedLease === null && revision <= newest && !answered.has(revision),
  );
  const revisions = new Map<Call, number>();
  for (const [at, call] of attribute(open, calls, new TrueStore(truth)).entries()) {
    const change = open[at];
    if (call !== null && change !== undefined) revisions.set(call, change.revision);
  }
  return revisions;
}

function isInModel(call: Call, scope: KvScope): call is KvCall {
  const { request } = call;
  if (!isKvRequest(request) || isSerializable(request)) return false;
  if (!isAnswered(call) && !(isUnknown(call) && mayWrite(request))) return false;
  const { reads, changes, depends, isWithin } = scope.footprint(request);
  if (!isAnswered(call)) return changes !== 0n;
  // Of keys that there never were a call may tell something wrong, too.
  return isWithin || (reads | changes | depends) !== 0n;
}

/** The call that fits nowhere, those around it on the same keys, and why each order of them fails. */
function counterExample(
  model: KvModel,
  judgement: string,
  order: readonly KvCall[],
  attempts: readonly Attempt<KvCall>[],
): Violation {
  const culprit = attempts.find(({ call }) => isAnswered(call)) ?? attempts[0];
  if (culprit === undefined) return violation(NAME, "there is no order of the calls");
  const parts = culprit.conflict === 0n ? model.touches(culprit.call) : culprit.conflict;
  const tried = new Set(attempts.flatMap(({ call, inserted, witness }) => [call, ...inserted, witness ?? call]));
  const before = order.filter((call) => (model.touches(call) & parts) !== 0n && !tried.has(call));
  // From the last change but one of what is blamed.
  const changes = before.flatMap((call, at) => ((model.changes(call) & parts) === 0n ? [] : [at]));
  const context = before.slice(changes.at(-2) ?? changes.at(-1) ?? -1);
  const shown = [...context.slice(-Math.max(2, MAX_CALLS - tried.size)), ...tried].slice(0, MAX_CALLS);
  const orders = attempts.slice(0, MAX_ORDERS).map(({ inserted, call, reason }) => {
    const ids = [...inserted, call].map(({ id }) => `#${id}`);
    return `${ids.join(", ")}: ${reason}`;
  });
  const more = attempts.length > MAX_ORDERS ? [`and ${attempts.length - MAX_ORDERS} orders more`] : [];
  const sentence = `${callText(culprit.call)} has an answer that ${judgement}: ${culprit.reason}`;
  return violation(NAME, sentence, [
    ...callTable(shown),
    `What could come after the ${order.length} calls before it, and why it can't:`,
    ...orders,
    ...more,
  ]);
}
