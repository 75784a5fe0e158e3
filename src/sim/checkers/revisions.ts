/**
 * Revisions number the changes of the one log: each change has its own, and what happened later never has a smaller one.
 * Holds for all that goes through the log or is read linearizably, whatever it did.
 */
import type { Call, HistoryChecker, Violation } from "../history.ts";
import { type AnsweredCall, hasChanged, isAnswered, isSerializable } from "./client-calls.ts";
import { callTable, callText, violation } from "./narration.ts";

const NAME = "revisions";

export const revisions: HistoryChecker = {
  name: NAME,
  source: "etcd docs, API guarantees: revisions; Herlihy and Wing 1990, real-time order",
  check({ calls }) {
    const answered = calls.filter(isAnswered).filter(isOrdered);
    return checkUnique(answered) ?? checkRealTime(answered);
  },
};

/** A renewal's header is what its member had before, a serializable read's what it happens to have. */
function isOrdered({ request }: Call): boolean {
  return request.type !== "leaseKeepAlive" && !isSerializable(request);
}

function changes({ outcome }: AnsweredCall): boolean {
  return hasChanged(outcome.result);
}

function checkUnique(calls: readonly AnsweredCall[]): Violation | null {
  const holders = new Map<number, AnsweredCall>();
  for (const call of calls) {
    if (!changes(call)) continue;
    const { revision } = call.outcome;
    const holder = holders.get(revision);
    if (holder !== undefined) {
      const sentence = `revision ${revision} was given to two changes, ${callText(holder)} and ${callText(call)}`;
      return violation(NAME, sentence, callTable([holder, call]));
    }
    holders.set(revision, call);
  }
  return null;
}

/** No call that was invoked after another had returned may have a smaller revision, nor a change the same one. */
function checkRealTime(calls: readonly AnsweredCall[]): Violation | null {
  const byReturn = [...calls].sort((a, b) => a.returned.order - b.returned.order);
  const byInvocation = [...calls].sort((a, b) => a.invoked.order - b.invoked.order);
  let newest: AnsweredCall | null = null;
  let returned = 0;
  for (const call of byInvocation) {
    for (; ; returned++) {
      const earlier = byReturn[returned];
      if (earlier === undefined || earlier.returned.order > call.invoked.order) break;
      if (newest === null || earlier.outcome.revision > newest.outcome.revision) newest = earlier;
    }
    if (newest === null) continue;
    const { revision } = call.outcome;
    if (revision > newest.outcome.revision || (revision === newest.outcome.revision && !changes(call))) continue;
    const sentence =
      `${callText(call)} has revision ${revision}, but was invoked after ` +
      `${callText(newest)} had returned with ${newest.outcome.revision}`;
    return violation(NAME, sentence, callTable([newest, call]));
  }
  return null;
}
