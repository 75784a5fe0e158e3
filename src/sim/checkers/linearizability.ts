/**
 * Is there one order of all calls, true to real time, in which etcd's keyspace would have answered each as it was
 * answered? Serializable reads are not part of this (`session-guarantees.ts`), nor are keys on leases, which end without
 * a call (`lease-safety.ts`): what is told of those is passed over.
 */
import type { Call, HistoryChecker, Violation } from "../history.ts";
import { isAnswered, isKvRequest, isSerializable, isUnknown, mayWrite } from "./client-calls.ts";
import { checkCompactedReads } from "./compacted-reads.ts";
import { type KvCall, KvModel } from "./kv-model.ts";
import { KvScope } from "./kv-scope.ts";
import { type Attempt, findLinearization } from "./linearization-search.ts";
import { callTable, callText, violation } from "./narration.ts";

const NAME = "linearizability";
/**
 * Steps of the search before it gives up: a second or two. Histories of 3,000 calls that have an order take about one
 * step a call; to rule out all orders of one that has none may take any number.
 */
const MAX_STEPS = 200_000;
/** Calls and orders told in a counter-example. */
const MAX_CALLS = 14;
const MAX_ORDERS = 10;

export const linearizability: HistoryChecker = {
  name: NAME,
  source: "Herlihy and Wing 1990; the search: Wing and Gong 1993, Lowe 2017",
  check({ calls }, truth) {
    return checkCompactedReads(NAME, calls, truth) ?? checkOrder(calls);
  },
};

function checkOrder(all: readonly Call[]): Violation | null {
  const scope = new KvScope(all);
  const calls = all.filter((call): call is KvCall => isInModel(call, scope));
  const model = new KvModel(all, scope, calls);
  const { contradiction } = model.facts;
  if (contradiction !== null) return violation(NAME, contradiction.text, callTable(contradiction.calls));
  const operations = calls.map((call) => ({
    call,
    invoked: call.invoked.order,
    returned: isAnswered(call) ? call.returned.order : null,
  }));
  const verdict = findLinearization(model, operations, MAX_STEPS);
  if (verdict.type === "linearizable") return null;
  const judgement = verdict.type === "impossible" ? "fits into no order" : `fits into no order in ${MAX_STEPS} steps`;
  return counterExample(model, judgement, verdict.order, verdict.attempts);
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
