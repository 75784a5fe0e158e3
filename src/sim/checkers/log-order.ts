/**
 * The order of the log as a witness: if every answer is right where its revision puts its call, between the changes that
 * were truly made, then that is an order of all calls, and nothing has to be searched for. The log may only help to find
 * an order, never hide that there is none: whether it is true to real time is checked as for any other.
 */
import type { History, Truth } from "../history.ts";
import { acknowledgedWrites } from "./acknowledged-writes.ts";
import { hasChanged, isAnsweredKv, isSerializable } from "./client-calls.ts";
import { type Execution, executeAnswered } from "./kv-execution.ts";
import { revisions } from "./revisions.ts";
import { FIRST_REVISION, TrueStore } from "./true-store.ts";

export function isWitnessed(history: History, truth: Truth): boolean {
  // A log of changes that calls made, each at its time: without that it is no order of theirs.
  if (revisions.check(history, truth) !== null || acknowledgedWrites.check(history, truth) !== null) return false;
  const store = new TrueStore(truth);
  return history.calls.every((call) => {
    if (!isAnsweredKv(call) || isSerializable(call.request)) return true;
    const { revision, result } = call.outcome;
    if (revision < FIRST_REVISION || revision > store.revision) return false;
    // Nobody can have seen it before it was there.
    if ((store.change(revision)?.committed.order ?? 0) > call.returned.order) return false;
    if (!hasChanged(result)) return executeAnswered(store.at(revision), call).discrepancy === null;
    const execution = executeAnswered(store.at(revision - 1), call);
    return execution.discrepancy === null && isTrue(execution, store, revision);
  });
}

/** Whether what a call changed is what was changed at its revision. */
function isTrue({ changes }: Execution, store: TrueStore, revision: number): boolean {
  return changes.every(({ key, kv }) => {
    const found = store.get(key, revision);
    if (kv === null || found === null) return kv === found;
    return found.value === kv.value && found.modRevision === revision && found.version === kv.version;
  });
}
